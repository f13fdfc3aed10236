"""Run one benchmark: `python -m benchmarks NAME [--json FILE] [--events N]`; exits 1 when a must is missed."""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._rows import table, write

if TYPE_CHECKING:
    from collections.abc import Sequence


def names() -> list[str]:
    """Return the benchmarks there are: every public module beside this one."""
    found = Path(__file__).parent.glob("*.py")
    return sorted(path.stem for path in found if not path.stem.startswith("_"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benchmark; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Run one benchmark and print its ratios.")
    parser.add_argument("name", choices=names(), help="which benchmark")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write the tables and plots into DIR, no musts")
    parser.add_argument("--events", type=int, metavar="N", help="how many events to send (processor)")
    chosen = parser.parse_args(arguments)
    module = importlib.import_module(f"benchmarks.{chosen.name}")
    if chosen.report is not None:
        if not hasattr(module, "report"):
            parser.error(f"{chosen.name} has no report; run it without --report")
        module.report(chosen.report)
        return 0
    if chosen.events is not None and "events" not in inspect.signature(module.run).parameters:
        parser.error(f"{chosen.name} has a size of its own; run it without --events")
    rows = module.run() if chosen.events is None else module.run(chosen.events)
    print(table(rows))
    if chosen.json is not None:
        write(chosen.json, rows)
    return 0 if all(one.ok for one in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
