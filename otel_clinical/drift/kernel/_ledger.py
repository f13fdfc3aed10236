"""Every activation, label coverage and fed inference: what closed slots have become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from otel_clinical.drift.explode._batch import ABSENT, Kind
from otel_clinical.drift.explode._truth import ELSEWHERE, made_of_reviews
from otel_clinical.drift.kernel._activation import Activation
from otel_clinical.drift.kernel._charged import CHARGED, Charged
from otel_clinical.drift.kernel._clock import MOST_ACTIVATIONS
from otel_clinical.drift.kernel._coverage import Coverage
from otel_clinical.drift.kernel._encounters import Encounters
from otel_clinical.drift.kernel._fed import Fed
from otel_clinical.drift.kernel._pairing import KINDS as PAIRING
from otel_clinical.drift.kernel._pairing import Pairing
from otel_clinical.drift.kernel._plan import part_of
from otel_clinical.drift.kernel._references import KINDS as REFERENCES
from otel_clinical.drift.kernel._references import References
from otel_clinical.drift.kernel._rows import CoverageRow

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._activation import StateKey
    from otel_clinical.drift.kernel._charged import Amendments
    from otel_clinical.drift.kernel._plan import ModelPlan
    from otel_clinical.drift.kernel._rows import Transition

VersionKey = tuple[str, str]
"""(model, version)."""


class Ledger:
    """State behind closed slots.

    Args:
        plans: By the number of the model's name.
        words: Every word by its number.
    """

    def __init__(self, plans: Mapping[int, ModelPlan], words: tuple[str, ...]) -> None:
        self._plans = plans
        self._by_name = {plan.name: plan for plan in plans.values()}
        self._words = words
        self._activations: dict[VersionKey, dict[int, Activation]] = {}
        self._coverage: dict[VersionKey, Coverage] = {}
        self._covered: set[VersionKey] = set()
        self._gone: list[tuple[str, ...]] = []
        self.fed = Fed()
        self.charged = Charged(words, min(plan.times.amendable for plan in plans.values()))
        self.encounters = Encounters(words)
        self.pairing = Pairing(words, plans)
        self.references = References(plans, words)

    def closing(self, rows: NDArray[np.void], end: int) -> Generator[list[Transition], None, int]:
        """Take one closed slot, its records in order; `end` is its end, microseconds.

        Yields:
            What changed in each of many steps.

        Returns:
            How many outcomes were set aside because their inference had the same one already, or one that was recorded
            later.
        """
        outcomes, amended, repeats = self._sorted_outcomes(rows)
        yield self._amend(amended, end)
        for activation, served in self._by_activation(rows.compress(rows["kind"] == Kind.INFERENCE)):
            coverage = self._coverage_of(activation)
            coverage.infer(served["time"][served["mark"] == 1])
            yield []
            for found in activation.feed_inferences(served, end):
                yield self._if_newest(activation, found)
            self.references.infer(activation.plan, activation.version, served)
            for since, key, counts in activation.inputs.looked:
                self.references.look(activation.plan, activation.version, since, key, counts)
            begin = end - activation.plan.times.slot
            for key, counts in activation.inputs.slotted:
                self.references.hour(activation.plan, activation.version, begin, key, counts)
            yield []
        for activation, served in self._by_activation(outcomes):
            labels = served[served["mark"] & ELSEWHERE == 0]
            self._coverage_of(activation).label(labels["inferred"], labels["time"])
        judged = self.encounters.first(outcomes, end)
        self.pairing.feed(judged, end)
        yield []
        for activation, served in self._by_activation(judged):
            for found in activation.feed_outcomes(served, end):
                yield self._if_newest(activation, found)
            self.references.label(activation.plan, activation.version, served)
        self.fed.add(outcomes["inference"], end)
        self.charged.add(outcomes, _among(outcomes, judged))
        self._forget(end)
        return repeats

    def known(self, outcomes: NDArray[np.void]) -> NDArray[np.bool_]:
        """Say which outcomes have nothing to add: their inference is charged, and they do not amend it."""
        held: NDArray[np.bool_] = self.fed.holds(outcomes["inference"])
        if held.any():
            held[held] = ~self.charged.changes(outcomes[held])
        return held

    def newest(self, key: VersionKey, ordinal: int) -> Activation | None:
        """Return one activation, an empty one if no slot of it has closed; None if the model is unknown."""
        plan = self._by_name.get(key[0])
        if plan is None:
            return None
        return self._activations.get(key, {}).get(ordinal) or Activation(plan, key[1], ordinal)

    def coverage(self, watermark: int) -> Iterator[CoverageRow]:
        """Yield the coverage of each version, by the cohorts that matured within the window."""
        for key, coverage in sorted(self._coverage.items()):
            plan = self._by_name[key[0]]
            # One slot earlier: the labels of the newest cohort may wait in a slot that is still open.
            mature = watermark - plan.maturity - plan.times.slot
            window = max(plan.times.window, coverage.width)
            eligible, labelled = coverage.ratio(mature, window)
            aged, median, late = coverage.age(mature, window)
            share = labelled / eligible if eligible else None
            yield CoverageRow(*key, share, eligible, labelled, aged, median, late)

    def dump_dirty(self) -> dict[tuple[str, ...], bytes]:
        """Return the states that changed, by parts of their key."""
        found: dict[tuple[str, ...], bytes] = dict.fromkeys(self._gone, b"")
        self._gone.clear()
        for (model, version), activations in self._activations.items():
            for ordinal, activation in activations.items():
                for key, data in activation.dump_dirty().items():
                    found["stream", model, version, str(ordinal), *key] = data
        for covered in self._covered:
            found["coverage", *covered] = self._coverage[covered].dumps()
        self._covered.clear()
        for hour, data in self.fed.dump_dirty().items():
            found["fed", hour] = data
        for hour, data in self.encounters.seen.dump_dirty().items():
            found["encounter", hour] = data
        return found | self.charged.dump_dirty() | self.pairing.dump_dirty() | self.references.dump_dirty()

    def load(self, key: tuple[str, ...], data: bytes) -> str | None:
        """Take over a state; return why not if it cannot go on.

        Raises:
            CodecError: `data` is damaged.
        """
        if self._of_all(key, data):
            return None
        plan = self._by_name.get(key[1])
        if plan is None:
            return self._abandon(key, "the policy no longer names the model")
        if key[0] == "coverage":
            self._version_coverage(plan, key[2]).loads(data)
            return None
        ordinal, state = int(key[3]), key[4:]
        known = self._activations.setdefault((plan.name, key[2]), {})
        if ordinal not in known:
            known[ordinal] = Activation(plan, key[2], ordinal)
        activation = known[ordinal]
        if not activation.load(state, data):
            return self._abandon(key, "its baseline, guard or segment has changed")
        return None

    def _of_all(self, key: tuple[str, ...], data: bytes) -> bool:
        """Take over a state that belongs to no single version; say whether it was one."""
        if key[0] == "fed":
            self.fed.load(key[1], data)
        elif key[0] == "encounter":
            self.encounters.seen.load(key[1], data)
        elif key[0] == CHARGED:
            self.charged.load(key, data)
        elif key[0] in REFERENCES:
            self.references.load(key, data)
        elif key[0] in PAIRING:
            self.pairing.load(key, data)
        else:
            return False
        return True

    def resume(self, served: Mapping[VersionKey, Mapping[int, int]]) -> None:
        """Give loaded activations the times at which they last served, microseconds: a restart ages nothing."""
        for key, known in self._activations.items():
            for ordinal, activation in known.items():
                activation.resume(served.get(key, {}).get(ordinal, 0))

    def _abandon(self, key: tuple[str, ...], why: str) -> str:
        self._gone.append(key)
        return f"{' '.join(key)} begins anew: {why}"

    def _sorted_outcomes(self, rows: NDArray[np.void]) -> tuple[NDArray[np.void], Amendments, int]:
        """Return scored outcomes of inferences without one, amendments of others, and the number of the rest."""
        scored = rows.compress((rows["kind"] == Kind.OUTCOME) & (rows["score"] != ABSENT))
        latest = latest_per_inference(scored)
        known = self.fed.holds(latest["inference"])
        new, amended = latest[~known], self.charged.amend(latest[known])
        repeats = _reported(scored) - _reported(new) - _reported(amended.rows)
        return new, amended, repeats

    def _amend(self, amended: Amendments, end: int) -> list[Transition]:
        """Correct what was computed with the outcomes that are amended."""
        found: list[Transition] = []
        for plan, version, ordinal, chosen in self._parts(amended.rows):
            activation = self._activations.get((plan.name, version), {}).get(ordinal)
            if activation is not None:
                found += self._if_newest(activation, activation.amend(amended.where(chosen), end))
            self.references.amend(plan, version, amended.where(chosen))
        self.pairing.amend(amended.rows[amended.judged])
        return found

    def _by_activation(self, rows: NDArray[np.void]) -> Iterator[tuple[Activation, NDArray[np.void]]]:
        for plan, version, ordinal, chosen in self._parts(rows):
            yield self._activation(plan, version, ordinal), part_of(rows, chosen)

    def _parts(self, rows: NDArray[np.void]) -> Iterator[tuple[ModelPlan, str, int, NDArray[np.bool_]]]:
        code = rows["model"].astype(np.int64) << 48 | rows["version"].astype(np.int64) << 32 | rows["activation"]
        alike = bool((code == code[:1]).all())  # mostly: one version serves
        for one in code[:1].tolist() if alike else np.unique(code).tolist():
            chosen = code == one
            first = rows[chosen.argmax()]
            plan = self._plans.get(int(first["model"]))
            if plan is not None:
                yield plan, self._words[int(first["version"])], int(first["activation"]), chosen

    def _activation(self, plan: ModelPlan, version: str, ordinal: int) -> Activation:
        known = self._activations.setdefault((plan.name, version), {})
        if ordinal not in known:
            known[ordinal] = Activation(plan, version, ordinal)
            if len(known) > MOST_ACTIVATIONS:
                others = (one for one in known if one != ordinal)
                self._drop((plan.name, version), min(others, key=lambda one: (known[one].inferred, one)))
        return known.get(ordinal) or Activation(plan, version, ordinal)

    def _coverage_of(self, activation: Activation) -> Coverage:
        self._covered.add((activation.plan.name, activation.version))
        return self._version_coverage(activation.plan, activation.version)

    def _version_coverage(self, plan: ModelPlan, version: str) -> Coverage:
        return self._coverage.setdefault((plan.name, version), Coverage(plan.times.bucket))

    def _if_newest(self, activation: Activation, found: list[Transition]) -> list[Transition]:
        if not found:
            return found
        known = self._activations[activation.plan.name, activation.version]
        return found if activation.ordinal == _last_served(known) else []

    def _forget(self, end: int) -> None:
        """Let go of what can no longer matter at event time `end`."""
        for key, coverage in self._coverage.items():
            plan = self._by_name[key[0]]
            coverage.forget(end - plan.maturity - 2 * max(plan.times.window, coverage.width))
        for key, known in self._activations.items():
            plan = self._by_name[key[0]]
            horizon = end - plan.times.retention - plan.maturity
            for ordinal in [o for o in known if known[o].updated < horizon and o != _last_served(known)]:
                self._drop(key, ordinal)
        kept = end - next(iter(self._plans.values())).times.retention
        self.fed.forget(kept)
        self.charged.forget(kept)
        self.references.forget(end)
        self.encounters.seen.forget(kept)

    def _drop(self, key: VersionKey, ordinal: int) -> None:
        activation = self._activations[key].pop(ordinal)
        states: list[StateKey] = activation.keys()
        self._gone += [("stream", *key, str(ordinal), *state) for state in states]


def _reported(outcomes: NDArray[np.void]) -> int:
    """Return how many of the outcomes somebody sent as such."""
    return len(outcomes) - made_of_reviews(outcomes)


def _among(outcomes: NDArray[np.void], judged: NDArray[np.void]) -> NDArray[np.bool_]:
    """Say which outcomes are among the `judged`, which are some of them."""
    if len(judged) == len(outcomes):
        return np.ones(len(outcomes), np.bool_)
    return np.isin(outcomes["inference"], judged["inference"])


def _last_served(known: Mapping[int, Activation]) -> int:
    return max(known, key=lambda ordinal: (known[ordinal].inferred, ordinal))


def latest_per_inference(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return the last recorded outcome of each inference, in the order of `rows`.

    Outcomes of one inference that became effective in one slot are corrections of each other: until the labels
    are mature the last word counts.
    """
    order = np.lexsort((rows["event"], rows["time"], rows["inference"]))
    inference = rows["inference"][order]
    last = np.ones(len(rows), np.bool_)
    last[:-1] = inference[1:] != inference[:-1]
    return rows[np.sort(order[last])]
