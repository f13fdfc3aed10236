"""The incident report says what happened, completely, in one safe file."""

from __future__ import annotations

import copy
from html.parser import HTMLParser

import pytest

from otel_clinical.report import Fact, incident_report, render_html

INCIDENT = {
    "id": "INC-0123456789ab",
    "key": {
        "model": "coding",
        "cause": "performance",
        "segment": {"name": "all", "value": "all"},
        "activation": 2,
    },
    "version": "8",
    "alert": "ClinicalAIPerformanceDropRollback",
    "opened_at": 1_790_000_000.0,
    "state": "rolled_back",
    "reason": "performance recovered",
    "acted_at": 1_790_000_003.5,
    "closed_at": 1_790_000_060.0,
    "last": {"evidence": 12.5, "samples": 240.0, "drop": 0.25, "change_point": 1_789_999_900.0},
    "guards": [{"guard": "sample", "result": "pass", "because": "evidence 12.5 on 240 labels"}],
    "events": [
        {
            "seq": 3,
            "time": 1_790_000_003.0,
            "actor": "controller",
            "action": "change.planned",
            "data": {"change": {"version": "7", "route": None, "segment": None}},
        },
        {
            "seq": 4,
            "time": 1_790_000_003.5,
            "actor": "controller",
            "action": "change.made",
            "data": {"version": "7", "epoch": 3, "page": True},
        },
        {"seq": 9, "time": 1_790_000_060.0, "actor": "controller", "action": "rollback.verified", "data": {}},
    ],
    "audit_head": {"seq": 9, "hash": "ab" * 32},
}


class _Page(HTMLParser):
    """Collects text and every address a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href", "srcset"}]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _read(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    page.close()
    return page


def test_the_page_holds_what_since_when_evidence_guards_actions_times_and_audit_head() -> None:
    page = " ".join(_read(render_html(incident_report(INCIDENT))).text)
    for expected in (
        "Performance of coding 8 dropped by 25% in all segments together.",
        "The previous version was restored and performance recovered.",
        "2026-09-21 14:11:40 UTC",  # since when
        "Is it proved on enough labels?",
        "evidence 12.5 on 240 labels",
        "version 7 for the whole model",
        "+3.5 s",
        "56.5 s",  # change made to recovery verified
        "ab" * 32,
        "it is quarantined until then",
    ):
        assert expected in page


def test_the_cause_and_what_speaks_for_it_stand_among_the_evidence() -> None:
    last = {**INCIDENT["last"], "cause": "environment", "reasons": ["other_model"]}
    (fact,) = (one for one in incident_report({**INCIDENT, "last": last}).facts if one.name.startswith("The processor"))
    assert (fact.value, fact.meaning) == ("environment", "another model dropped at the same time")
    few = {**last, "samples": 10.0}
    assert not any(one.name.startswith("The processor") for one in incident_report({**INCIDENT, "last": few}).facts)


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = _read(render_html(incident_report(INCIDENT)))
    assert page.loads == []
    assert "script" not in page.tags


def test_measures_of_a_drill_come_first() -> None:
    report = incident_report(INCIDENT, measures=[Fact("First bad inference to previous version", "14.2 s")])
    assert report.facts[0].value == "14.2 s"


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_values_cannot_become_markup(hostile: str) -> None:
    incident = copy.deepcopy(INCIDENT)
    incident["key"]["segment"] = {"name": "payer", "value": hostile}
    incident["reason"] = incident["guards"][0]["because"] = hostile
    page = _read(render_html(incident_report(incident)))
    assert page.tags.isdisjoint({"script", "img"})
    assert hostile in " ".join(page.text)


def test_an_open_incident_without_evidence_still_makes_a_page() -> None:
    incident = {**INCIDENT, "state": "inconclusive", "last": None, "guards": [], "acted_at": None}
    incident |= {"closed_at": None, "events": []}
    page = " ".join(_read(render_html(incident_report(incident))).text)
    assert "The controller could not confirm it and keeps asking." in page
    assert "not yet" in page


def test_input_incidents_speak_of_input() -> None:
    incident = copy.deepcopy(INCIDENT)
    incident["key"] |= {"cause": "input", "segment": {"name": "source_system", "value": "ehr-b"}}
    incident["state"] = "hold"
    assert "Input of source_system = ehr-b" in incident_report(incident).headline
