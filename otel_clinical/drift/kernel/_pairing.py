"""Find the cases that two versions both answered: a version in the shadow, or a champion beside a challenger."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._truth import UNCOUNTED
from otel_clinical.drift.kernel._attribution import Comparison
from otel_clinical.drift.kernel._paired import Paired
from otel_clinical.drift.kernel._plan import AGGREGATE
from otel_clinical.drift.kernel._unpaired import WAITING, Unpaired

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._plan import ModelPlan, SegmentKey
    from otel_clinical.drift.kernel._unpaired import Arm

PairKey = tuple[str, str, str, str, str]
"""(model, version, activation, version, activation), the smaller arm first, as text."""
PartKey = tuple[str, str, str, str, str, str, str]
"""The same, and a segment with its value."""

Met = tuple[PairKey, int, int]
"""Two arms and their scores on one case."""

_HOUR: Final = 3_600_000_000  # microseconds
_KEPT: Final = 7 * 24  # hours that the score of one version waits for that of another
_MOST: Final = 16  # pairs of arms of a model that are kept
_TESTS: Final = "paired"
_PARTS: Final = "paired_part"
KINDS: Final = frozenset({WAITING, _TESTS, _PARTS})
"""First part of the keys of saved states."""


@dataclass(frozen=True)
class PairingRow:
    """How `version` does on the same cases of a segment value as the version `beside` it: cases, and what is proved."""

    model: str
    version: str
    beside: str
    cases: int
    better: bool
    no_better: bool
    segment: str = AGGREGATE[0]
    value: str = AGGREGATE[1]


class Pairing:
    """Scores that wait for the score of another version on the same encounter, and the tests of all pairs.

    Args:
        words: Every word by its number.
        plans: By the number of the model's name.
    """

    def __init__(self, words: Sequence[str], plans: Mapping[int, ModelPlan]) -> None:
        self._words = words
        self._plans = plans
        self._known = {plan.name: frozenset((*plan.segments, *plan.pairs)) for plan in plans.values()}
        self._marks = np.array([_mark(word) for word in words], np.uint64)
        self.waiting = Unpaired()
        self._tests: dict[PairKey, Paired] = {}
        self._parts: dict[PartKey, Paired] = {}
        self._dirty: set[PairKey | PartKey] = set()
        self._gone: list[tuple[str, ...]] = []

    def feed(self, rows: NDArray[np.void], end: int) -> None:
        """Take outcomes of one closed slot, in order, each the first of its encounter and version."""
        chosen = rows[(rows["encounter"] != 0) & (rows["mark"] & UNCOUNTED == 0)]
        hour = end // _HOUR
        if len(chosen):
            self._take(chosen, hour)
        self.waiting.forget(hour - _KEPT)

    def amend(self, rows: NDArray[np.void]) -> None:
        """Let scores say what they say now, those that wait and those that were bet on within the week."""
        cases, amended = self._cases(rows), self._arms(rows)
        for row in np.flatnonzero(self.waiting.holds(cases)).tolist():
            arm, arms = amended[row], self.waiting.of(int(cases[row]))
            if arm in arms:
                score = None if rows["mark"][row] & UNCOUNTED else int(rows["score"][row])
                plan = self._plans[int(rows["model"][row])]
                self._correct(plan, (arm, arms), score, plan.keys(rows["segments"][row]))
                self.waiting.put(int(cases[row]), arm, score)

    def _correct(
        self, plan: ModelPlan, held: tuple[Arm, Mapping[Arm, int]], score: int | None, where: Sequence[SegmentKey]
    ) -> None:
        """Change what an arm says of a case where it was compared; `score` is None where it no longer counts."""
        arm, arms = held
        was = arms[arm]
        for other, its in arms.items():
            key, swapped = _pair_key(plan.name, arm, other)
            if other[0] != arm[0] and key in self._tests:
                before, now = ((its, one) if swapped else (one, its) for one in (was, was if score is None else score))
                self._tests[key].amend(before, None if score is None else now)
                self._dirty.add(key)
                for part in [(*key, *place) for place in where if (*key, *place) in self._parts]:
                    self._parts[part].amend(before, None if score is None else now)
                    self._dirty.add(part)

    def comparison(self, model: str, version: str, activation: int, where: SegmentKey = AGGREGATE) -> Comparison | None:
        """Return how another version does on the cases of this one in a segment; that with most cases decides."""
        mine = (version, str(activation))
        found = [(key, test) for key, test in self._at(where) if key[0] == model and mine in {key[1:3], key[3:5]}]
        if not found:
            return None
        key, test = max(found, key=lambda one: (one[1].cases, one[0]))
        first, second, first_not, second_not = test.proved()
        if key[3:5] == mine:  # then the other one is the first
            return Comparison(test.cases, first, first_not)
        return Comparison(test.cases, second, second_not)

    def rows(self, model: str, version: str, activation: int) -> list[PairingRow]:
        """Return how every other version does on the cases of this one, as a whole and by segment value."""
        mine, found = (version, str(activation)), []
        every = [(key, AGGREGATE, test) for key, test in self._tests.items()]
        every += [(key[:5], key[5:], test) for key, test in self._parts.items()]
        for key, where, test in every:
            if key[0] != model or mine not in {key[1:3], key[3:5]} or where not in self._known[model]:
                continue
            first, second, first_not, second_not = test.proved()
            other, better, no_better = (key[1], first, first_not) if key[3:5] == mine else (key[3], second, second_not)
            row = PairingRow(model, other, version, test.cases, better=better, no_better=no_better)
            found.append(replace(row, segment=where[0], value=where[1]))
        return sorted(found, key=lambda row: (row.version, row.segment, row.value, row.cases))

    def _at(self, where: SegmentKey) -> Iterable[tuple[PairKey, Paired]]:
        if where == AGGREGATE:
            return self._tests.items()
        return ((key[:5], test) for key, test in self._parts.items() if key[5:] == where)

    def dump_dirty(self) -> dict[tuple[str, ...], bytes]:
        """Return the states that changed, by parts of their key."""
        found: dict[tuple[str, ...], bytes] = dict.fromkeys(self._gone, b"")
        self._gone.clear()
        found |= dict(self.waiting.dump_dirty())
        found |= {(_TESTS, *key): test.dumps() for key, test in self._tests.items() if key in self._dirty}
        found |= {(_PARTS, *key): test.dumps() for key, test in self._parts.items() if key in self._dirty}
        self._dirty.clear()
        return found

    def load(self, key: tuple[str, ...], data: bytes) -> None:
        """Take over a state.

        Raises:
            CodecError: `data` is damaged.
        """
        if key[0] == WAITING:
            self.waiting.load(key, data, lambda model, encounter: encounter ^ _mark(model))
        elif key[0] == _PARTS:
            self._parts[key[1], key[2], key[3], key[4], key[5], key[6], key[7]] = Paired.loads(data)
        else:
            self._tests[key[1], key[2], key[3], key[4], key[5]] = Paired.loads(data)

    def _take(self, rows: NDArray[np.void], hour: int) -> None:
        """Compare scores with those that wait for them, and let them wait."""
        cases, arms = self._cases(rows), self._arms(rows)
        new = np.ones(len(rows), np.bool_)
        seen: dict[int, dict[Arm, int]] = {}
        for row in np.flatnonzero(self.waiting.holds(cases) | _repeated(cases)).tolist():
            case, mine = int(cases[row]), (arms[row], int(rows["score"][row]))
            others = seen[case] if case in seen else seen.setdefault(case, self.waiting.of(case))
            plan = self._plans[int(rows["model"][row])]
            met = [self._compare(plan.name, one, mine) for one in sorted(others.items()) if one[0][0] != mine[0][0]]
            if met:
                self._in_parts(plan.keys(rows["segments"][row]), met)
            new[row] = mine[0] not in others
            others[mine[0]] = mine[1]
        fresh = np.flatnonzero(new)
        self.waiting.add(cases[fresh], [arms[row] for row in fresh.tolist()], rows["score"][fresh], hour)
        for row in np.flatnonzero(~new).tolist():  # an encounter that was forgotten sooner than its scores
            self.waiting.put(int(cases[row]), arms[row], int(rows["score"][row]))

    def _cases(self, rows: NDArray[np.void]) -> NDArray[np.uint64]:
        """Return a number that stands for model and encounter of each row."""
        return np.asarray(rows["encounter"] ^ self._marks[rows["model"]])

    def _arms(self, rows: NDArray[np.void]) -> list[Arm]:
        pairs = zip(rows["version"].tolist(), rows["activation"].tolist(), strict=True)
        return [(self._words[version], activation) for version, activation in pairs]

    def _in_parts(self, where: Sequence[SegmentKey], met: Iterable[Met]) -> None:
        """Compare the same scores once more within each segment value of the case."""
        for key, first, second in met:
            if key not in self._tests:
                continue  # forgotten again, because others have more cases
            for segment, value in where:
                part = (*key, segment, value)
                self._parts.setdefault(part, Paired()).feed(first, second)
                self._dirty.add(part)

    def _compare(self, model: str, one: tuple[Arm, int], other: tuple[Arm, int]) -> Met:
        key, swapped = _pair_key(model, one[0], other[0])
        first, second = (other[1], one[1]) if swapped else (one[1], other[1])
        self._tests.setdefault(key, Paired()).feed(first, second)
        self._dirty.add(key)
        mine = [known for known in self._tests if known[0] == model]
        if len(mine) > _MOST:
            gone = min(mine, key=lambda known: (self._tests[known].cases, known))
            del self._tests[gone]
            self._gone.append((_TESTS, *gone))
            for part in [known for known in self._parts if known[:5] == gone]:
                del self._parts[part]
                self._gone.append((_PARTS, *part))
        return key, first, second


def _pair_key(model: str, one: Arm, other: Arm) -> tuple[PairKey, bool]:
    """Return the key of two arms, and whether the other one is its first."""
    first, second = sorted((one, other))
    return (model, first[0], str(first[1]), second[0], str(second[1])), first != one


def _repeated(cases: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Say which cases occur more than once."""
    _, places, counts = np.unique(cases, return_inverse=True, return_counts=True)
    return np.asarray(counts[places] > 1)


def _mark(model: str) -> int:
    """Return a number that stands for a model: of its name, since another policy numbers the words anew."""
    return int.from_bytes(hashlib.blake2b(model.encode(), digest_size=8, person=b"unpaired").digest(), "little")
