"""Decide undecided incidents: on two looks at Prometheus, or, where they leave it open, when time is up."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final

from otel_clinical.release import most_restrictive
from otel_clinical.rollback import guards
from otel_clinical.rollback._ordered import in_force
from otel_clinical.rollback._planning import plan
from otel_clinical.rollback._records import Record, Setting, Step, Timing, close, put
from otel_clinical.rollback.alerts import AGGREGATE
from otel_clinical.rollback.decision import decide
from otel_clinical.rollback.orders import OrderKind
from otel_clinical.rollback.state import UNDECIDED, Incident, ModelState, Sample
from otel_clinical.rollback.targets import Change
from otel_clinical.semconv.enums import RollbackDecision, RollbackState, RoutingLevel, RoutingReason

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.events import Sampled
    from otel_clinical.rollback.orders import Standing

FROZEN: Final = "rollback is frozen"
_ANSWER: Final = 900.0
"""Seconds within which somebody must answer a page while a rollback is frozen, before it goes out again."""


def sampled(setting: Setting, state: ModelState, event: Sampled) -> Step:
    """Decide an incident on what two looks at Prometheus say, or leave it undecided."""
    incident, sample, pointer = state.incidents[event.incident], event.sample, event.pointer
    timing, now = setting.timing, setting.now
    if incident.state not in UNDECIDED:
        return Step(state)
    if not guards.still_serves(incident, pointer):
        return stale(state, incident, pointer, now)
    first = incident.first
    if first is None or sample.taken_at - first.taken_at > timing.patience + timing.retry:
        first = sample
    if _awaits_evaluation(timing, first, sample) or state.changing:
        waiting = replace(incident, first=first, last=sample, next_at=now + timing.confirm)
        return Step(put(state, waiting))
    return _judged(setting, state, incident, first, event)


def _judged(setting: Setting, state: ModelState, incident: Incident, first: Sample, event: Sampled) -> Step:
    """Ask the guards, and go on as they say, or as a person does who approved."""
    sample, pointer = event.sample, event.pointer
    reports = guards.evaluate(setting.terms, incident, pointer, first, sample)
    looked = replace(incident, first=sample, last=sample, attempts=incident.attempts + 1, guards=reports)
    if looked.approved_by and guards.serving(reports):
        return _decided(setting, state, replace(looked, first=first), pointer)
    if not guards.all_pass(reports):
        return _inconclusive(setting, state, incident, looked, pointer)
    frozen = in_force(state, OrderKind.FREEZE_ROLLBACK, setting.now)
    if frozen is not None:
        return _frozen(setting, state, looked, frozen)
    return _decided(setting, state, replace(looked, first=first), pointer)


def _awaits_evaluation(timing: Timing, first: Sample, sample: Sample) -> bool:
    """Tell whether the only thing missing is that Prometheus evaluates the alert once more."""
    if first.evaluated_at is None or sample.evaluated_at is None:
        return False
    return sample.evaluated_at <= first.evaluated_at and sample.taken_at - first.taken_at < timing.patience


def stale(state: ModelState, incident: Incident, pointer: ReleasePointer, now: float) -> Step:
    """Close an undecided incident of a version that serves no longer."""
    closed = replace(
        close(incident, RollbackState.STALE, now, "another version serves by now"),
        decision=RollbackDecision.STALE,
    )
    data = {"version": pointer.version, "activation": pointer.activation}
    return Step(put(state, closed), (Record("incident.stale", incident.id, data),))


def _inconclusive(
    setting: Setting, state: ModelState, before: Incident, looked: Incident, pointer: ReleasePointer
) -> Step:
    """Page at once and ask again; after the time that the policy gives people, do what it says."""
    terms, now = setting.terms, setting.now
    since = now if before.undecided_since is None else before.undecided_since
    act_at = None if terms.then == "page" or looked.vetoed_by or looked.approved_by else since + terms.then_after
    waiting = replace(
        looked,
        state=RollbackState.INCONCLUSIVE,
        decision=RollbackDecision.INCONCLUSIVE,
        next_at=now + setting.timing.retry,
        reason="; ".join(f"{r.guard}: {r.because}" for r in looked.guards if guards.objects(r)),
        undecided_since=since,
        act_at=act_at,
        paged_at=before.paged_at or now,
    )
    if act_at is not None and now >= act_at:
        return _time_is_up(setting, state, waiting, pointer)
    # A guard that stays undecided for days is audited when its result changes, not at every look.
    if [(r.guard, r.result) for r in before.guards] != [(r.guard, r.result) for r in looked.guards]:
        return Step(put(state, waiting), (_decision_record("decision.inconclusive", waiting, page=True),))
    if terms.then == "page" and now >= (waiting.paged_at or now) + terms.then_after and not looked.acknowledged_by:
        waiting = replace(waiting, paged_at=now)
        data = {"reason": waiting.reason, "since": since}
        return Step(put(state, waiting), (Record("incident.unanswered", waiting.id, data, page=True),))
    return Step(put(state, waiting))


def _time_is_up(setting: Setting, state: ModelState, waiting: Incident, pointer: ReleasePointer) -> Step:
    """Do what the policy says of a question that people have left open."""
    then = setting.terms.then
    record = Record("incident.time_is_up", waiting.id, {"then": then, "since": waiting.undecided_since}, page=True)
    if in_force(state, OrderKind.FREEZE_ROLLBACK, setting.now) is not None:
        return Step(put(state, waiting))
    if then == "rollback" and guards.serving(waiting.guards):
        step = _decided(setting, state, waiting, pointer)
        return Step(step.state, (record, *step.records))
    route = RoutingLevel.MANUAL if then == "rollback" else RoutingLevel(then)
    segment = None if waiting.key.segment == AGGREGATE else waiting.key.segment
    manual = most_restrictive((route, RoutingLevel.ASSISTED)) == RoutingLevel.MANUAL
    decided = replace(
        waiting,
        decision=RollbackDecision.REFUSED if manual else RollbackDecision.SAFE_MODE,
        cause="unknown",
        reason=f"left open for {setting.terms.then_after:.0f} s: {waiting.reason}",
    )
    planned = plan(setting, state, decided, Change(RoutingReason.DRIFT, route=route, segment=segment), pointer)
    return Step(planned.state, (record, _decision_record(f"decision.{decided.decision}", decided), *planned.records))


def _frozen(setting: Setting, state: ModelState, looked: Incident, frozen: Standing) -> Step:
    """Leave a proved drop to people while they have frozen rollbacks; call them again if nobody answers."""
    now = setting.now
    call = looked.paged_at is None or (now >= looked.paged_at + _ANSWER and looked.acknowledged_at is None)
    waiting = replace(
        looked,
        state=RollbackState.INCONCLUSIVE,
        decision=RollbackDecision.INCONCLUSIVE,
        next_at=now + setting.timing.retry,
        reason=f"{FROZEN} by {' and '.join(frozen.by)}: {frozen.reason}",
        act_at=frozen.until,
        paged_at=now if call else looked.paged_at,
    )
    if not call:
        return Step(put(state, waiting))
    return Step(put(state, waiting), (_decision_record("decision.inconclusive", waiting, page=True),))


def _decided(setting: Setting, state: ModelState, looked: Incident, pointer: ReleasePointer) -> Step:
    sample = looked.last or Sample(setting.now)
    decision = decide(setting, state, looked, sample, pointer)
    decided = replace(looked, decision=decision.decision, cause=decision.cause, reason=decision.reason)
    planned = plan(setting, state, decided, decision.change, pointer)
    record = _decision_record(f"decision.{decision.decision}", decided)
    return Step(planned.state, (record, *planned.records))


def _decision_record(action: str, incident: Incident, *, page: bool = False) -> Record:
    data = {
        "decision": incident.decision,
        "cause": incident.cause,
        "reason": incident.reason,
        "guards": [asdict(report) for report in incident.guards],
        "evidence": asdict(incident.last) if incident.last else None,
    }
    return Record(action, incident.id, data, page=page)
