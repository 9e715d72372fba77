"""Mistakes: wrong equations that people really write."""
