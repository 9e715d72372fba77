"""One part of what `throughput.py` measures, in a process of its own: prints the result as JSON.

python -m benchmarks.throughput_part '{"part": …, "cores": 1 or 2, "arguments": {…}}'
"""

from __future__ import annotations

import json
import sys
import warnings

from benchmarks.machine import pin


def main() -> None:
    asked = json.loads(sys.argv[1])
    pin(asked["cores"])  # before anything starts threads
    warnings.simplefilter("ignore")  # torch's of arrays that must not be written to; overflows
    if asked["part"] == "measured":
        from benchmarks import throughput_peers as home
    else:
        from benchmarks import throughput_ours as home  # type: ignore[no-redef]
    result = getattr(home, asked["part"])(**asked["arguments"])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
