"""How somebody's own code is plugged in: what it declares, its layout, and how it is asked.

Reading order: `declaration` (what it supports, and which conventions it keeps to), `layouts` (cases and
answers in its layout and back), `links` (a way to ask), `worker` (what runs beside the code under test, with
`frames` between the two), `processes` and `isolation` (where it may crash or hang), `dialogue` (any
language), `plugged` (what a panel judges) and `probes` (what one answer cannot show); `probing` proposes a
declaration.
"""
