"""Servers that Closecast is compared with; each runs in its own environment without Closecast."""
