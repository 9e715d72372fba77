"""How a declaration is found from answers. `plugging.probing` goes through the stages.

Reading order: `specimens` (the cases), `exact` and `reading` (an answer held against a hypothesis, up to a
factor), `asking` and `universe` (layouts, and what there is to search), `anchor` (the first right answer),
`scale` and `penalty`, `state` (what is known), `names`, `forms`, `extents` (one thing changed at a time),
`verifying` (what is declared already), `assembling`, `proposal`.
"""
