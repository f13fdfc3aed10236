"""Run one benchmark: `python -m benchmarks NAME [OPTIONS]`; exits 1 when a must is missed."""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks._rows import Row, table, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType


def names() -> list[str]:
    """Return the benchmarks there are: every public module beside this one."""
    found = Path(__file__).parent.glob("*.py")
    return sorted(path.stem for path in found if not path.stem.startswith("_"))


def _measured(module: ModuleType, chosen: argparse.Namespace, parser: argparse.ArgumentParser) -> list[Row]:
    """Run the benchmark as it was asked for."""
    if chosen.whole:
        if not hasattr(module, "whole"):
            parser.error(f"{chosen.name} does not run the whole system; run it without --whole")
        return list(module.whole())
    return list(module.run(**_sizes(module.run, chosen, parser)))


def _sizes(
    function: Callable[..., object], chosen: argparse.Namespace, parser: argparse.ArgumentParser
) -> dict[str, Any]:
    """Return how large it was asked to be."""
    sizes = {name: value for name in ("events", "seconds", "short") if (value := getattr(chosen, name)) is not None}
    for name in sizes.keys() - inspect.signature(function).parameters.keys():
        parser.error(f"{chosen.name} has a size of its own; run it without --{name}")
    return sizes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benchmark; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Run one benchmark and print its ratios.")
    parser.add_argument("name", choices=names(), help="which benchmark")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write the tables and plots into DIR, no musts")
    parser.add_argument("--events", type=int, metavar="N", help="how many events to send (processor)")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long to send webhooks (rollback)")
    parser.add_argument("--short", action="store_true", default=None, help="fewer runs, in a minute (decisions)")
    parser.add_argument("--whole", action="store_true", help="a bad release of the whole system (rollback)")
    chosen = parser.parse_args(arguments)
    module = importlib.import_module(f"benchmarks.{chosen.name}")
    if chosen.report is not None:
        if not hasattr(module, "report"):
            parser.error(f"{chosen.name} has no report; run it without --report")
        module.report(chosen.report, **_sizes(module.report, chosen, parser))
        return 0
    rows = _measured(module, chosen, parser)
    print(table(rows))
    if chosen.json is not None:
        write(chosen.json, rows)
    return 0 if all(one.ok for one in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
