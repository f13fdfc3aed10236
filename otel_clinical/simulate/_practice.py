"""Work through encounters at a steady pace: code them now, and report later what came of each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from otel_clinical import declare_values, record_outcome, record_review, record_task
from otel_clinical.semconv import attributes
from otel_clinical.semconv.enums import (
    Assistance,
    OutcomeResult,
    OutcomeSource,
    OverrideReason,
    ReviewAction,
    ReviewerRole,
    RoutingLevel,
)

if TYPE_CHECKING:
    import random
    import threading
    from collections.abc import Callable

    from otel_clinical.simulate._coder import Answer
    from otel_clinical.simulate._labels import Due, LateTruth
    from otel_clinical.simulate.population import Arrivals, Encounter
    from otel_clinical.simulate.truth import Truth, TruthFile

# Reviews on the standard route are a sample; on the assisted route a coder sees every proposal.
_SAMPLED_REVIEWS: Final = 0.10
_REVIEWER_NOTICES: Final = 0.95
_REVIEWER_INSISTS: Final = 0.03
# Some answers are never opened, some acceptances are one click, some overrides are taken back at a second look.
_IGNORED: Final = 0.04
_HURRIED: Final = 0.08
_LOOKED_AGAIN: Final = 0.30
_TASK: Final = "code_encounter"
_BY_HAND: Final = 40  # one encounter in so many
# After a stall this much is made up for; the rest of the encounters went elsewhere.
_CATCH_UP: Final = 1.0


class Practice:
    """Hospitals that send their encounters through the model."""

    def __init__(
        self,
        code: Callable[[Encounter], Answer],
        arrivals: Arrivals,
        truth: TruthFile,
        late: LateTruth,
        rng: random.Random,
    ) -> None:
        self._code = code
        self._arrivals = arrivals
        self._truth = truth
        self._late = late
        self._rng = rng
        self._seen = 0
        declare_values(attributes.TASK_NAME, (_TASK,))

    def work(self, rate: float, stop: threading.Event) -> None:
        """Code ``rate`` encounters per second until ``stop`` is set."""
        next_at = time.time()
        while not stop.is_set():
            now = time.time()
            for due in self._late.known(now):
                self._report(due)
            next_at = max(next_at, now - _CATCH_UP)
            while next_at <= now:
                truth = self._truth.current()
                if truth.traffic > 0:
                    self._see_one(truth)
                next_at += 1 / (rate * (truth.traffic or 1.0))
            stop.wait(max(min(next_at, self._late.next_at) - time.time(), 0.0))

    def _see_one(self, truth: Truth) -> None:
        """Code one encounter, and let nature decide whether the code is right."""
        encounter = self._arrivals.draw(truth.mix, truth.lost_fields)
        self._seen += 1
        if self._seen % _BY_HAND == 0:
            # Somebody still codes without a proposal now and then; unclear records take longer.
            record_task(_TASK, round(60 + 240 * (1 - encounter.clarity), 1), assistance=Assistance.WITHOUT_AI)
        receipt = self._code(encounter).receipt
        if receipt is None:
            return
        right = self._rng.random() < truth.accuracy(encounter, receipt.version)
        text = receipt.dumps()
        self._late.audit(text, receipt.time, right=right)
        if receipt.route != RoutingLevel.STANDARD or self._rng.random() < _SAMPLED_REVIEWS:
            self._late.review(text, receipt.time, right=right)

    def _report(self, due: Due) -> None:
        if due.review:
            self._review(due)
            return
        result = OutcomeResult.CORRECT if due.right else OutcomeResult.INCORRECT
        source = OutcomeSource.CODING_AUDIT if due.right else OutcomeSource.CLAIM
        record_outcome(due.receipt, result=result, source=source)

    def _review(self, due: Due) -> None:
        """Let a coder look at an answer; what was changed may be looked at again."""
        if due.again:
            record_review(due.receipt, action=ReviewAction.ACCEPTED, duration=self._seconds(), role=ReviewerRole.CODER)
        elif self._rng.random() < (_REVIEWER_INSISTS if due.right else _REVIEWER_NOTICES):
            record_review(
                due.receipt,
                action=ReviewAction.EDITED,
                edit_ratio=round(self._rng.uniform(0.1, 0.6), 2),
                duration=self._seconds(),
                reason=OverrideReason.INCORRECT,
                role=ReviewerRole.CODER,
            )
            if self._rng.random() < _LOOKED_AGAIN:
                self._late.look_again(due)
        elif self._rng.random() < _IGNORED:
            record_review(due.receipt, action=ReviewAction.IGNORED, role=ReviewerRole.CODER)
        else:
            record_review(due.receipt, action=ReviewAction.ACCEPTED, duration=self._seconds(), role=ReviewerRole.CODER)

    def _seconds(self) -> float:
        """Return, and report, how long a coder looked; not compressed like the days, since nobody waits for it."""
        hurried = self._rng.random() < _HURRIED
        seconds = round(self._rng.uniform(0.5, 4.0) if hurried else self._rng.uniform(8.0, 90.0), 1)
        record_task(_TASK, seconds, assistance=Assistance.WITH_AI)
        return seconds
