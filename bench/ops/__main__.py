"""The fleet and its peers under the same load, and what each makes of kills, hangs and bad versions.

`python -m bench.ops --only fleet --only reload --rounds 3`
"""

import argparse
import json
import time

from bench.ops.report import misses
from bench.ops.run import KEPT, measure, names, write_page
from scripts.house import fail, tell
from tests.servers import ServerError


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ops", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], choices=names(), help="a contestant or a case"
    )
    parser.add_argument("--rounds", type=int, default=1, help="of every case (default 1)")
    parser.add_argument("--reloads", type=int, help="of each contestant (default 20, of two 5)")
    parser.add_argument("--report", action="store_true", help="only write the page anew")
    options = parser.parse_args()
    if options.report:
        found = json.loads(KEPT.read_text())
        write_page(found)
    else:
        try:
            found = measure(options.rounds, say, options.only, options.reloads)
        except ServerError as error:
            fail(str(error))
    for miss in misses(found):
        tell(f"Missed: {miss}")


def say(line: str) -> None:
    tell(f"{time.strftime('%H:%M:%S')} {line}")


if __name__ == "__main__":
    main()
