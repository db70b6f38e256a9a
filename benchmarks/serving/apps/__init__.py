"""Servers that Closecast is measured against; each runs in its own environment and imports nothing of Closecast."""
