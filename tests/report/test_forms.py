"""The report in three forms: exposure, people, open actions, and text of people that stays text."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from otel_clinical.report import Exposure, IncidentReport, incident_report, render_html, render_json, render_markdown
from otel_clinical.rollback.exposure import exposure_of
from otel_clinical.rollback.prometheus import PrometheusUnavailableError

OPENED = 1_790_000_000.0
EXPOSURE = Exposure("8", "payer = medicaid", "12:00", "16:00", "change made", 1234.2)


def incident(**changes: Any) -> dict[str, Any]:
    acknowledged = {
        "seq": 5,
        "time": OPENED + 120,
        "actor": "Ana Ruiz",
        "action": "person.acknowledge",
        "data": {"by": "Ana Ruiz", "reason": "I am looking into it", "note": "<b>|*loud*|"},
    }
    ordered = {
        "seq": 6,
        "time": OPENED + 180,
        "actor": "controller",
        "action": "order.veto",
        "data": {"by": ["Ben", "Eve"], "reason": "planned"},
    }
    return {
        "id": "INC-0123456789ab",
        "key": {"model": "coding", "cause": "performance", "segment": {"name": "payer", "value": "medicaid"}},
        "version": "8",
        "opened_at": OPENED,
        "acted_at": OPENED + 600,
        "state": "manual_route",
        "reason": "performance did not recover in time",
        "last": {"samples": 240.0, "drop": 0.25, "change_point": OPENED - 3600, "evidence": 12.0},
        "guards": [{"guard": "sample", "result": "unknown", "because": "no evidence or no number of labels"}],
        "events": [acknowledged, ordered],
        "audit_head": {"seq": 9, "hash": "ab" * 32},
        **changes,
    }


def report(**changes: Any) -> IncidentReport:
    return incident_report(incident(**changes), exposure=EXPOSURE)


@pytest.mark.parametrize("render", [render_html, render_markdown, render_json])
def test_every_form_says_who_was_exposed_who_did_what_and_what_is_open(render: Any) -> None:
    text = render(report())
    for words in (
        "about 1,234",
        "Ana Ruiz",
        "Ben and Eve",
        "I am looking into it",
        "Alert heard to acknowledged by a person",
        "Staff the manual workflow now.",
        "Decide which of the inferences served meanwhile",
        "Find out what the guards could not know: Is it proved on enough labels?",
    ):
        assert words in text
    assert "nobody has said" not in text


def test_what_people_wrote_cannot_become_markup() -> None:
    assert "<b>|" not in render_html(report())
    assert "&lt;b>\\|\\*loud\\*\\|" in render_markdown(report())


def test_an_incident_that_nobody_acknowledged_says_so_first() -> None:
    assert report(events=[]).open_actions[0].startswith("Acknowledge the incident")


def test_the_digest_of_the_json_is_of_everything_else() -> None:
    content = json.loads(render_json(report()))
    digest = content.pop("digest")
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest == "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
    changed = json.loads(render_json(report(version="9")))
    assert changed["digest"] != digest


@pytest.mark.parametrize("count", [1, 4.4, 10.4])
def test_few_patients_are_not_told_apart_in_any_form(count: float) -> None:
    few = Exposure("8", "payer = medicaid", "12:00", "16:00", "change made", count)
    for render in (render_html, render_markdown, render_json):
        text = render(incident_report(incident(), exposure=few))
        assert "fewer than 11" in text
        assert f'"count": {count}' not in text


class Counts:
    """A Prometheus that answers one question, and remembers it."""

    def __init__(self, *found: tuple[float, float], up: bool = True) -> None:
        self.found, self.up, self.asked = list(found), up, ("", 0.0)

    def history(self, expression: str, start: float, *_: float) -> list[tuple[float, float]]:
        self.asked = (expression, start)
        if not self.up:
            raise PrometheusUnavailableError("query failed: ConnectError")
        return self.found


def exposed(prometheus: Any, **changes: Any) -> Exposure | None:
    return exposure_of(prometheus, incident(**changes), now=OPENED + 900, said=lambda at: f"{at:.0f}")


def test_exposure_is_counted_from_the_change_point_to_the_change() -> None:
    prometheus = Counts((OPENED, 321.0))
    found = exposed(prometheus)
    assert found is not None
    assert (found.count, found.end_is) == (321.0, "change made")
    expression, at = prometheus.asked
    assert at == OPENED + 600
    assert expression.endswith("[4200s]))")
    assert "clinical_ai_segment_inferences_total{" in expression
    assert 'clinical_ai_model_version="8"' in expression


def test_exposure_of_all_segments_counts_every_inference() -> None:
    prometheus = Counts((OPENED, 321.0))
    key = {"model": "coding", "cause": "performance", "segment": {"name": "all", "value": "all"}}
    exposed(prometheus, key=key)
    assert "clinical_ai_inferences_total{" in prometheus.asked[0]


@pytest.mark.parametrize(
    ("prometheus", "because"),
    [(None, "not asked"), (Counts(up=False), "did not answer"), (Counts(), "no counts of that time")],
)
def test_an_exposure_that_nobody_knows_is_not_none(prometheus: Any, because: str) -> None:
    found = exposed(prometheus)
    assert found is not None
    assert found.number == "Not known"
    assert because in found.sentence
    assert "Find out how many" in " ".join(incident_report(incident(), exposure=found).open_actions)


def test_input_incidents_and_unknown_change_points_have_no_exposure() -> None:
    key = {**incident()["key"], "cause": "input"}
    assert exposed(Counts(), key=key) is None
    assert exposed(Counts(), last={"change_point": None}) is None


def test_what_was_seen_before_prometheus_went_away_is_still_told_with_when() -> None:
    look = {"taken_at": OPENED + 5, "samples": 240.0, "drop": 0.25, "lower": 0.12, "upper": 0.38}
    look |= {"change_point": OPENED - 3600}
    event = {"seq": 4, "time": OPENED + 5, "actor": "controller", "action": "decision.inconclusive"}
    event |= {"data": {"evidence": look}}
    blind = {"taken_at": OPENED + 60, "reachable": False, "drop": None, "samples": None, "change_point": None}
    found = incident_report(incident(state="inconclusive", last=blind, events=[event]))
    assert "dropped by 25%" in found.headline
    assert found.since == "2026-09-21 13:13:20 UTC"
    assert found.seen == "2026-09-21 14:13:25 UTC"
    assert ("25.0%", "between 12.0% and 38.0% with 95 % confidence; since the change point") in [
        (fact.value, fact.meaning) for fact in found.facts
    ]
    assert incident_report(incident()).seen == ""


def test_what_was_suppressed_is_not_looked_up_in_an_older_look() -> None:
    event = {"seq": 4, "time": OPENED, "actor": "controller", "action": "decision.inconclusive"}
    event |= {"data": {"evidence": {"taken_at": OPENED, "drop": 0.4, "samples": 30.0}}}
    hidden = {"taken_at": OPENED + 60, "drop": None, "samples": None, "suppressed": True}
    assert "40%" not in incident_report(incident(last=hidden, events=[event])).headline


def test_a_wall_of_guards_becomes_a_sentence() -> None:
    reason = "; ".join(f"{guard}: not known for {guard}" for guard in ("sample", "telemetry", "baseline", "case_mix"))
    told = incident_report(incident(reason=reason)).reason
    assert told == "not known for sample; not known for telemetry; not known for baseline; and 1 more"
    assert incident_report(incident(reason="performance did not recover")).reason == "performance did not recover"


@pytest.mark.parametrize("state", ["recommended", "announced", "engineering_review", "governance_review"])
def test_what_waits_for_people_is_not_called_calm_and_says_what_to_do(state: str) -> None:
    found = incident_report(incident(state=state))
    assert not found.calm
    assert found.next_steps


def test_since_when_is_said_in_the_zone_of_everything_else() -> None:
    guard = {"guard": "attribution", "result": "pass", "because": "changed at 2026-09-21 13:13:20 UTC"}
    guard |= {"facts": {"change_point": OPENED - 3600}}
    (found,) = incident_report(incident(guards=[guard]), zone=ZoneInfo("America/Chicago")).guards
    assert found.because == "since 2026-09-21 08:13:20 CDT"


@pytest.mark.parametrize("render", [render_html, render_markdown, render_json])
def test_every_form_says_by_which_policy_baseline_and_release_it_was_decided(render: Any) -> None:
    look = {**incident()["last"], "baseline_hashes": ["sha256:" + "cd" * 32]}
    text = render(incident_report(incident(last=look, ran={"policy": "ef" * 32, "release": "0.9.1"})))
    for words in ("ef" * 32, "sha256:" + "cd" * 32, "0.9.1"):
        assert words in text
    assert "Decided by" not in render_html(report())


def test_the_drawing_is_put_in_as_it_is_and_nothing_else_is() -> None:
    text = render_html(incident_report(incident(reason="<svg>")), drawing="<svg class='plot'></svg>")
    assert "<svg class='plot'></svg>" in text
    assert "&lt;svg&gt;" in text
