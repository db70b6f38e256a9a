"""The commands that use the prediction API."""
