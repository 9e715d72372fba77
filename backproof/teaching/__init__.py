"""One forward, backward and update pass, explained step by step: what `backproof explain` shows.

`example_case` draws a network whose numbers can be read, `recording` runs an implementation and keeps what
passes from step to step, `steps` tells it as data, `text` and `page` put that into a terminal and a page.
"""
