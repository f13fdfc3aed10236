"""Known faults: make a declared part of the history worse, so that the delay to each tier can be measured."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from otel_clinical._spelling import did_you_mean
from otel_clinical.policy import parse_percent
from otel_clinical.semconv import AGGREGATE
from otel_clinical.semconv.enums import OutcomeClass, ReviewAction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_clinical.backtest._encounters import Encounter
    from otel_clinical.policy import ModelPolicy

SYNTAX = "SEGMENT=VALUE:drop=PERCENT:from-row=N[:to-row=N], or all:drop=…; for example payer=MC:drop=20%:from-row=20000"
_ROW = re.compile(r"[1-9]\d{0,11}")
_KEYS = ("drop", "from-row", "to-row")
_HASH_BITS = 2.0**64
_WRONG = {
    OutcomeClass.TRUE_POSITIVE: OutcomeClass.FALSE_NEGATIVE,
    OutcomeClass.TRUE_NEGATIVE: OutcomeClass.FALSE_POSITIVE,
}
"""What a right answer becomes when the model says the opposite."""


class InjectionError(ValueError):
    """An `--inject` cannot be understood; the text says which part."""


@dataclass(frozen=True, slots=True)
class Injection:
    """From `from_row` to `to_row`, a share `drop` of the right answers of one segment value becomes wrong.

    A share of the right answers is a drop relative to what the model achieved: 20 % of 0.65 leaves 0.52.
    """

    segment: str
    value: str
    drop: float
    from_row: int
    to_row: int | None = None

    @property
    def where(self) -> str:
        """Return `payer=MC`, or `all`."""
        return AGGREGATE if self.segment == AGGREGATE else f"{self.segment}={self.value}"

    def __str__(self) -> str:
        end = "" if self.to_row is None else f":to-row={self.to_row}"
        return f"{self.where}:drop={100 * self.drop:g}%:from-row={self.from_row}{end}"

    def touches(self, encounter: Encounter) -> bool:
        """Return whether the fault can hit this encounter."""
        inside = self.from_row <= encounter.row and (self.to_row is None or encounter.row <= self.to_row)
        return inside and (self.segment == AGGREGATE or encounter.value_of(self.segment) == self.value)


def parse_injection(text: str) -> Injection:
    """Parse `payer=MC:drop=20%:from-row=20000`.

    >>> parse_injection("payer=MC:drop=20%:from-row=20000").where
    'payer=MC'
    """
    head, *options = text.split(":")
    segment, _, value = head.partition("=")
    if head != AGGREGATE and not (segment and value):
        raise InjectionError(f'"{head}" names no segment value; write {SYNTAX}')
    found: dict[str, str] = {}
    for option in options:
        key, equals, word = option.partition("=")
        key = key.strip().replace("_", "-")
        if key not in _KEYS or not equals:
            raise InjectionError(f'"{option}" is not known{did_you_mean(key, _KEYS)}; write {SYNTAX}')
        if key in found:
            raise InjectionError(f"{key} is given twice; write {SYNTAX}")
        found[key] = word.strip()
    if "drop" not in found:
        raise InjectionError(f"no drop is given; write {SYNTAX}")
    to_row = _row(found["to-row"]) if "to-row" in found else None
    from_row = _row(found.get("from-row", "1"))
    if to_row is not None and to_row < from_row:
        raise InjectionError(f"to-row {to_row} is before from-row {from_row}")
    segment, value = (AGGREGATE, AGGREGATE) if head == AGGREGATE else (segment.strip(), value.strip())
    return Injection(segment, value, _drop(found["drop"]), from_row, to_row)


def _drop(text: str) -> float:
    try:
        ratio = parse_percent(text if text.endswith("%") else float(text))
    except ValueError:
        ratio = 0.0
    if not 0 < ratio <= 1:
        raise InjectionError(f'drop "{text}" is no share of the right answers; write 20% or 0.2')
    return ratio


def _row(text: str) -> int:
    if not _ROW.fullmatch(text):
        raise InjectionError(f'"{text}" is no row number from 1')
    return int(text)


def check_injection(injection: Injection, model: ModelPolicy) -> None:
    """Raise `InjectionError` unless the policy declares the segment value."""
    if injection.segment == AGGREGATE:
        return
    declared = {name.value: values for name, values in model.segments.items()}
    if injection.segment in model.pair_names:
        parts = list(zip(injection.segment.split(","), injection.value.split(","), strict=False))
        if injection.value.count(",") != 1 or any(part not in declared[name] for name, part in parts):
            raise InjectionError(f"{injection.where} is not declared; write {injection.segment}=VALUE,VALUE")
        return
    if injection.segment not in declared:
        hint = did_you_mean(injection.segment, declared)
        raise InjectionError(f'segment "{injection.segment}" is not declared{hint}; declared: {", ".join(declared)}')
    values = declared[injection.segment]
    if injection.value not in values:
        hint = did_you_mean(injection.value, values)
        raise InjectionError(f"{injection.where} is not declared{hint}; declared: {', '.join(values)}")


def inject(encounters: Sequence[Encounter], injections: Sequence[Injection]) -> list[Encounter]:
    """Return the encounters with every fault applied; the same history gives the same faults."""
    return [_hit(encounter, injections) for encounter in encounters]


def _hit(encounter: Encounter, injections: Sequence[Injection]) -> Encounter:
    score, cell, review = encounter.score, encounter.cell, encounter.review
    for index, injection in enumerate(injections):
        if score and injection.touches(encounter) and _draw(encounter.key, index) < injection.drop:
            score, cell = 0.0, None if cell is None else _WRONG.get(cell, cell)
            review = None if review is None else ReviewAction.REJECTED
    return encounter if score == encounter.score else replace(encounter, score=score, cell=cell, review=review)


def _draw(key: str, index: int) -> float:
    """Return a number in [0, 1) that depends on nothing but the encounter and the fault's position."""
    digest = hashlib.sha256(f"{key}\0{index}".encode()).digest()
    return int.from_bytes(digest[:8]) / _HASH_BITS
