"""Exports made up from a seed, with the shape of the real data, and the chances that only their generator knows."""
