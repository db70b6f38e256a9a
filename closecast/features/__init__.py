"""The features of a deal at an as-of date: declared once, used by training, batch scoring and the API alike."""

from closecast.features.build import matrix, row
from closecast.features.declared import FEATURES, MONOTONE, NAMES, Feature

__all__ = ["FEATURES", "MONOTONE", "NAMES", "Feature", "matrix", "row"]
