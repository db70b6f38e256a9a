"""Tells a sales team which open deals will be won, and by when."""
