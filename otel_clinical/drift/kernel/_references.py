"""Record what baselines are made of, for every version and week, beside the detectors and apart from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.kernel._plan import part_of
from otel_clinical.drift.kernel._reference import MONDAY, WEEK, Labelled, Layout, Reference
from otel_clinical.drift.kernel._reference_hours import REFERENCE_HOURS, HourRecord
from otel_clinical.policy import HOURS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._charged import Amendments
    from otel_clinical.drift.kernel._plan import ModelPlan

    Ints = NDArray[np.int64]
    Key = tuple[str, str, int, str]

REFERENCE: Final = "reference"
"""First part of the keys of saved states."""
KINDS: Final = frozenset({REFERENCE, REFERENCE_HOURS})
"""That of everything here."""
KEPT: Final = 80
"""Weeks: a season of last year, and the time that its labels take."""
KEPT_HOURS: Final = 30
"""Weeks whose hours are kept: there are 168 times as many of them."""


class References:
    """Counts by (model, version, week, digest of the layout).

    Counts under a layout that the policy no longer has stay as they are until they are forgotten.

    Args:
        plans: By the number of the model's name.
        words: Every word by its number.
    """

    def __init__(self, plans: Mapping[int, ModelPlan], words: Sequence[str]) -> None:
        self._layouts = {plan.name: Layout.of(plan.policy) for plan in plans.values()}
        self._places = {plan.name: _places(self._layouts[plan.name], words) for plan in plans.values()}
        self._parts: dict[Key, Reference] = {}
        self._stored: dict[Key, bytes] = {}
        self._dirty: set[Key] = set()
        self._hours = HourRecord()
        self._newest = 0

    def infer(self, plan: ModelPlan, version: str, rows: NDArray[np.void]) -> None:
        """Count one slot's inferences of a version."""
        for week, chosen in _weeks(rows["time"]):
            self._part(plan, version, week).infer(part_of(rows, chosen))

    def look(self, plan: ModelPlan, version: str, since: int, key: tuple[str, str], counts: Ints) -> None:
        """Count the features of inferences since `since`, microseconds."""
        self._part(plan, version, (since - MONDAY) // WEEK).look(key, counts)

    def hour(self, plan: ModelPlan, version: str, begin: int, key: tuple[str, str], counts: Ints) -> None:
        """Count the features of one slot's inferences, which begins at `begin`, microseconds."""
        of = plan.name, version, self._layouts[plan.name].digest
        self._hours.add(of, (begin - MONDAY) * HOURS // WEEK, key, counts)

    def label(self, plan: ModelPlan, version: str, rows: NDArray[np.void]) -> None:
        """Count one slot's outcomes of a version."""
        cells = self._cells(plan, rows)
        for week, chosen in _weeks(rows["inferred"]):
            self._part(plan, version, week).label(Labelled(cells[:, chosen], rows[chosen]))

    def amend(self, plan: ModelPlan, version: str, amendments: Amendments) -> None:
        """Correct the counts of a version's amended outcomes."""
        found = amendments.where(amendments.judged)
        cells = self._cells(plan, found.rows)
        for week, chosen in _weeks(found.rows["inferred"]):
            one = found.where(chosen)
            self._part(plan, version, week).amend(Labelled(cells[:, chosen], one.rows), one.was, one.was_counted)

    def forget(self, end: int) -> None:
        """Let go of weeks that are too long ago at event time `end`, microseconds."""
        week = (end - MONDAY) // WEEK
        if week == self._newest:
            return
        self._newest = week
        self._hours.forget(week - KEPT_HOURS)
        for key in [key for key in (*self._parts, *self._stored) if key[2] < week - KEPT]:
            self._parts.pop(key, None)
            self._stored.pop(key, None)
            self._dirty.add(key)

    def dump_dirty(self) -> dict[tuple[str, ...], bytes]:
        """Return the counts that changed, by parts of their key; an empty one is gone."""
        found: dict[tuple[str, ...], bytes] = {}
        for key in self._dirty:
            part = self._parts.get(key)
            found[REFERENCE, key[0], key[1], str(key[2]), key[3]] = b"" if part is None else part.dumps()
        self._dirty.clear()
        return found | self._hours.dump_dirty()

    def load(self, key: tuple[str, ...], data: bytes) -> None:
        """Take over counts; they are read when they are needed."""
        if key[0] == REFERENCE_HOURS:
            self._hours.load(key, data)
            return
        self._stored[key[1], key[2], int(key[3]), key[4]] = data

    def _part(self, plan: ModelPlan, version: str, week: int) -> Reference:
        key = plan.name, version, week, self._layouts[plan.name].digest
        if key not in self._parts:
            stored = self._stored.pop(key, None)
            self._parts[key] = Reference() if stored is None else Reference.loads(stored)
        self._dirty.add(key)
        return self._parts[key]

    def _cells(self, plan: ModelPlan, rows: NDArray[np.void]) -> Ints:
        """(names, n) numbers of the cells of each row; -1 where a pair has an undeclared half."""
        layout, places = self._layouts[plan.name], self._places[plan.name]
        strata = plan.strata(rows)
        found = np.empty((len(layout.names), len(rows)), np.int64)
        values: dict[str, Ints] = {}
        sizes = {name: len(known) for name, known in layout.names}
        for number, name in enumerate(sizes):
            if name in places:
                values[name] = places[name][rows["segments"][:, plan.column(name)]]
            elif "," in name:
                one, other = (values[half] for half in name.split(","))
                last, width = (sizes[half] - 1 for half in name.split(","))
                declared = (one < last) & (other < width)
                values[name] = np.where(declared, one * width + other, -1)
            else:
                values[name] = np.zeros(len(rows), np.int64)
            found[number] = np.where(values[name] < 0, -1, layout.number(number, values[name], strata))
        return found


def _places(layout: Layout, words: Sequence[str]) -> dict[str, Ints]:
    """Return by segment the place of every word among its values, the last for what it does not declare."""
    found = {}
    for name, values in layout.names[1:]:
        if "," not in name:
            known = {value: place for place, value in enumerate(values)}
            found[name] = np.array([known.get(word, len(values) - 1) for word in words], np.int64)
    return found


def _weeks(times: Ints) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    weeks = (times - MONDAY) // WEEK
    for week in np.unique(weeks).tolist():
        yield week, weeks == week
