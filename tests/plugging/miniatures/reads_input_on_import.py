"""A script that asks its user something when imported."""

from right import right as right  # noqa: PLC0414 - what users name

name = input("your name? ")
