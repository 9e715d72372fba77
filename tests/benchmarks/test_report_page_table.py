"""The table of pages has the medians of its runs."""

from __future__ import annotations

from benchmarks.report_page import COLUMNS, row


def test_a_row_has_the_median_of_each_column():
    runs = [
        [0.1, 100.4, 5.0, 6.0, 7.0, 0.0, 9.0],
        [0.3, 100.4, 7.0, 6.0, 7.0, 0.0, 8.0],
        [0.2, 100.4, 9, 6, 7, 60, 1],
    ]
    assert len(runs[0]) == len(COLUMNS)
    assert row("big", runs) == "| big | 0.20 | 100 | 7 | 6 | 7 | – | 8 |"
    assert row("big", runs[2:]) == "| big | 0.20 | 100 | 9 | 6 | 7 | 60 | 1 |"
