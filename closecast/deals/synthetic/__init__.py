"""Synthetic exports, made from a seed in the shape of the real data, with their true win probabilities."""
