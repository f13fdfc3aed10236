"""Probe one library: `python -m benchmarks.peers._probe NAME [--without-sdk]`; the last line printed is JSON."""

from __future__ import annotations

import argparse
import contextvars
import json
import os
from typing import TYPE_CHECKING, Any

from benchmarks._timing import interleaved
from benchmarks.peers._adapters import ADAPTERS, QUIET
from benchmarks.peers._checks import CHECKS, Seen
from benchmarks.peers._library import fresh_provider

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.peers._library import Library


def behaviour(library: Library) -> dict[str, Seen]:
    """Run every check, each in a context of its own, so that what one leaks does not hit the next."""
    return {row: contextvars.Context().run(_safely, check, library) for row, check in CHECKS.items()}


def _safely(check: Callable[[Library], Seen], library: Library) -> Seen:
    library.finished()
    try:
        return check(library)
    except Exception as error:  # noqa: BLE001 -- a library that raises is a finding, not an end
        return Seen(f"**{type(error).__name__}**", good=False)


def cost(library: Library, *, calls: int = 1000, rounds: int = 7) -> float:
    """Return the caller's cost of a decorated call as a ratio to a raw span of the same process."""
    provider, kept = fresh_provider()
    tracer = provider.get_tracer("raw")
    kept.keeping = library.kept.keeping = False

    def answer(record: dict[str, object]) -> object:
        return record["age"]

    def raw() -> object:
        with tracer.start_as_current_span("raw"):
            return answer(record)

    record: dict[str, object] = {"age": 40, "site": "h01", "payer": "medicaid"}
    decorated = library.decorate(answer)
    found = interleaved({"ours": lambda: decorated(record), "raw": raw}, calls=calls, rounds=rounds)
    kept.keeping = library.kept.keeping = True
    return found["ours"] / found["raw"]


def main() -> None:
    """Probe and print."""
    parser = argparse.ArgumentParser(description="Probe one library.")
    parser.add_argument("name", choices=sorted(ADAPTERS))
    parser.add_argument("--without-sdk", action="store_true", help="measure its cost where no SDK is set up")
    chosen = parser.parse_args()
    os.environ |= QUIET
    library = ADAPTERS[chosen.name](sdk=not chosen.without_sdk)
    found: dict[str, Any] = {"name": library.name, "cost": cost(library)}
    if not chosen.without_sdk:
        found["behaviour"] = {row: seen._asdict() for row, seen in behaviour(library).items()}
    print(json.dumps(found), flush=True)
    os._exit(0)  # exporters of some libraries would retry for minutes


if __name__ == "__main__":
    main()
