"""Implementations of users: how they are declared, loaded, asked and judged."""
