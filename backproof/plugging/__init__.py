"""How somebody's own code is plugged in: what it declares, its layout, and how it is asked.

Reading order: `declaration` (what it supports, and which conventions it keeps to), `layouts` (cases and
answers in its layout and back).
"""
