"""Bounds, error facts, deviations, and the judge that decides by them."""
