"""What `ModelRouter` adds to a call: alone, with segment rules, with a control arm, looking at its file each time.

It looks at the file five times a second by default; to look on every call (`refresh=0`) is two system calls, whose cost
is the machine's, so that only what is the router's own must keep its limit.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from benchmarks._rows import Row, row
from benchmarks._timing import interleaved
from otel_clinical import ModelRouter
from otel_clinical.instrument._arguments import Arguments, Signature
from otel_clinical.release import Segment, SegmentRule, swap_pointer
from otel_clinical.rollback import activate_version
from tests.rollback._controller import terms_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from otel_clinical.release import ReleasePointer

LIMIT_US: Final = 5.0
_RULES: Final = 10
_LOOKING: Final = "call that looks at the pointer (refresh=0)"
_SEGMENTS: Final = {"payer": "commercial", "site": "north", "department": "ED"}


def router_rows(folder: Path, calls: int = 20_000) -> Iterator[Row]:
    """Say what the router adds to a call."""
    folder.mkdir()
    terms = terms_of(folder)
    for version in ("7", "8"):
        activate_version(terms, version, by="bench", at=time.time())
    versions = {"7": _model, "8": _model}
    arguments = Arguments(Signature(_model), (1,), {})
    plain = ModelRouter("coding", pointer=terms.pointer, versions=versions)
    looking = ModelRouter("coding", pointer=terms.pointer, versions=versions, refresh=0.0)
    divided = ModelRouter(
        "coding", pointer=terms.pointer, versions=versions, control=0.05, control_key=lambda _: "encounter 1"
    )
    found = interleaved(
        {
            "call through ModelRouter": lambda: plain(1),
            _LOOKING: lambda: looking(1),
            "decision with a control arm": lambda: divided.route_call(_SEGMENTS, arguments),
            "lookup": lambda: versions["8"](1),
        },
        calls=calls,
    )
    _lay_down_rules(terms.pointer)
    ruled = ModelRouter("coding", pointer=terms.pointer, versions=versions)
    found |= interleaved({f"decision with {_RULES} segment rules": lambda: ruled.route(_SEGMENTS)}, calls=calls)
    lookup = found.pop("lookup")
    for measure, took in found.items():
        yield row(f"{measure} us / {LIMIT_US:g}", took, LIMIT_US, "" if measure == _LOOKING else "<= 1")
    yield row("call through ModelRouter us / lookup in a dict and call", found["call through ModelRouter"], lookup)


def _lay_down_rules(pointer: Path) -> None:
    for number in range(_RULES):
        rule = SegmentRule(Segment("payer", f"payer {number}"), "assisted", version="7", reason="rollback")

        def with_rule(found: ReleasePointer, rule: SegmentRule = rule) -> ReleasePointer:
            return found.with_rule(rule, at=time.time(), by="bench")

        swap_pointer(pointer, 2 + number, with_rule)


def _model(value: int) -> int:
    return value
