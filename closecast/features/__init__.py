"""The features of a deal at an as-of date: declared once, used by training, batch scoring and the API alike."""

from closecast.features.build import FeatureBuilder, HorizonTable, Tables, log_odds, rows
from closecast.features.declared import FEATURES, MONOTONE, NAMES, WIN_CHANCE, Feature
from closecast.features.history import EncodedDeals, History, uniform_draw

__all__ = [
    "FEATURES",
    "MONOTONE",
    "NAMES",
    "WIN_CHANCE",
    "EncodedDeals",
    "Feature",
    "FeatureBuilder",
    "History",
    "HorizonTable",
    "Tables",
    "log_odds",
    "rows",
    "uniform_draw",
]
