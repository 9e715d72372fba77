"""Campaigns: many cases over many sessions, stopped and killed at any moment, and gone on with.

Case i of seed s is a pure function, and so is what a chunk of cases comes to. So a campaign needs little: a
file with its options, results by chunk, and whatever is missing is judged. Reading order: `store` (results on
disk), `lock` (one writer), `options` and `identity` (what must not change), `plan` (which chunk is what, and
what is covered), `counts` (a tally as JSON), `running`, `cluster_task` and `cluster` (many machines),
`status`, `report`, `pairing` (two campaigns beside each other).
"""
