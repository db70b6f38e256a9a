"""Sinks: where messages about alerts go."""
