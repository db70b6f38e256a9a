"""The features of a deal at an as-of date: declared once, used by training, batch scoring and the API alike."""

from closecast.features.build import Clock, FeatureBuilder, Tables, log_odds, rows
from closecast.features.declared import FEATURES, MONOTONE, NAMES, WIN_CHANCE, Feature
from closecast.features.history import History, Subjects, lot

__all__ = [
    "FEATURES",
    "MONOTONE",
    "NAMES",
    "WIN_CHANCE",
    "Clock",
    "Feature",
    "FeatureBuilder",
    "History",
    "Subjects",
    "Tables",
    "log_odds",
    "lot",
    "rows",
]
