"""How large a report's page is, how long it takes to be made, and how long a browser takes to show it.

    python benchmarks/report_page.py [REPORT.json …] [--runs N]

Without reports: those of the tests, of which the largest has 10,000 cases and 100 mismatches. Medians of N
runs, each in a browser that has opened nothing before: milliseconds from navigation until the
content is parsed and the scripts have run, until all is loaded, until the first content is painted, and the
longest task of the browser's main thread ("–" below the 50 ms from which it counts as one). Then what opening
all that is folded up costs until it is laid out.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backproof.reporting import Report
from backproof.reporting.files import HTML_NAME, read_report, write_report
from backproof.reporting.html_page import report_html

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.browser.browser_reports import REPORTS
from tests.browser.chromium import launched, opened, what_is_missing

COLUMNS = ("render s", "kB", "parsed ms", "loaded ms", "painted ms", "longest task ms", "all opened ms")
# Long tasks are told to observers only.
OBSERVE = """window.longest = 0;
new PerformanceObserver(list => {
  for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({type: "longtask", buffered: true});"""
TIMES = """async () => {
  const painted = await new Promise(tell => new PerformanceObserver(list => {
    for (const each of list.getEntriesByName("first-contentful-paint")) tell(each.startTime);
  }).observe({type: "paint", buffered: true}));
  const [page] = performance.getEntriesByType("navigation");
  const loading = window.longest, start = performance.now();
  document.querySelectorAll("details").forEach(each => each.open = true);
  document.body.getBoundingClientRect();
  const opening = performance.now() - start;
  return [page.domContentLoadedEventEnd, page.loadEventEnd, painted, loading, opening];
}"""


def measured(report: Report) -> list[float]:
    """One run: a number for each column."""
    start = time.perf_counter()
    report_html(report)
    rendering = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        write_report(report, folder)
        file = Path(folder) / HTML_NAME
        page = opened(browser, file, before=OBSERVE).page
        return [rendering, file.stat().st_size / 1000, *page.evaluate(TIMES)]


def row(name: str, runs: Sequence[Sequence[float]]) -> str:
    """The medians as a row of a table."""
    numbers = [statistics.median(column) for column in zip(*runs, strict=True)]
    texts = [f"{numbers[0]:.2f}", *(f"{number:.0f}" for number in numbers[1:])]
    longest = COLUMNS.index("longest task ms")
    texts[longest] = texts[longest] if numbers[longest] else "–"
    return f"| {name} | {' | '.join(texts)} |"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("reports", nargs="*", type=Path, metavar="REPORT.json")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    if reason := what_is_missing():
        sys.exit(reason)
    reports: dict[str, Any] = {str(path): read_report(path) for path in options.reports}
    reports = reports or {name: make() for name, make in REPORTS.items()}
    report_html(next(iter(reports.values())))  # the template is compiled once
    print(f"| report | {' | '.join(COLUMNS)} |")
    print(f"| --- {'| ---: ' * len(COLUMNS)}|")
    for name, report in reports.items():
        print(row(name, [measured(report) for _ in range(options.runs)]), flush=True)


if __name__ == "__main__":
    main()
