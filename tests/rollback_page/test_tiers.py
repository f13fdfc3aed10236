"""Which tier a stream is in: of the version that serves, and not of one that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_clinical.release import Segment
from otel_clinical.rollback.confirm import MODEL, SEGMENT_NAME, SEGMENT_VALUE, VERSION
from otel_clinical.rollback.page._evidence import worst_segments
from otel_clinical.rollback.page._tiers import Picture, look_at_tiers
from otel_clinical.rollback.prometheus import Prometheus
from otel_clinical.semconv import metrics
from tests.rollback._prometheus import degraded, low_input, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rollback._prometheus import FakePrometheus

ALL = Segment("all", "all")


@pytest.fixture
def client(prometheus: FakePrometheus) -> Iterator[Prometheus]:
    client = Prometheus(prometheus.url)
    yield client
    client.close()


def look(client: Prometheus, *pointed: str) -> Picture:
    return look_at_tiers(client, {"coding": set(pointed)})


def test_an_alert_of_the_version_that_serves_is_its_tier(prometheus: FakePrometheus, client: Prometheus) -> None:
    degraded(prometheus, baseline="sha256:x", change_point=0.0)
    found = look(client, "8")
    assert (found.tiers, found.past) == ({("coding", ALL): 3}, {})


def test_an_alert_of_a_version_that_is_gone_is_called_past(prometheus: FakePrometheus, client: Prometheus) -> None:
    degraded(prometheus, baseline="sha256:x", change_point=0.0)
    serving(prometheus, "7")
    found = look(client, "7")
    assert (found.tiers, found.past) == ({}, {"coding": ("8",)})


def test_it_stays_a_tier_while_any_service_or_segment_still_runs_that_version(
    prometheus: FakePrometheus, client: Prometheus
) -> None:
    degraded(prometheus, baseline="sha256:x", change_point=0.0)
    assert look(client, "7").tiers == {("coding", ALL): 3}, "services still report 8"
    serving(prometheus, "7")
    assert look(client, "7", "8").tiers == {("coding", ALL): 3}, "a rule of the pointer gives 8 to a segment"
    assert look_at_tiers(client, {}).tiers == {("coding", ALL): 3}, "nobody knows what serves"


def test_an_alert_of_a_source_names_no_version_and_is_shown(prometheus: FakePrometheus, client: Prometheus) -> None:
    low_input(prometheus, "ehr-b", version="7")
    assert list(look(client, "7").alerts) == [("coding", Segment("source_system", "ehr-b"))]


def test_the_worst_segments_of_a_whole_model_are_named_and_those_of_few_are_not(
    prometheus: FakePrometheus, client: Prometheus
) -> None:
    degraded(prometheus, baseline="sha256:x", change_point=0.0)
    mine = {MODEL: "coding", VERSION: "8"}
    drops = {"medicaid": (0.31, 90), "medicare": (0.12, 80), "self_pay": (0.9, 4), "tricare": (-0.1, 70)}
    for payer, (drop, count) in drops.items():
        where = {**mine, SEGMENT_NAME: "payer", SEGMENT_VALUE: payer}
        prometheus.put(metrics.DEGRADATION_RATIO.prometheus, drop, **where)
        prometheus.put(metrics.EVIDENCE_SAMPLES.prometheus, count, **where)
    key = {"model": "coding", "cause": "performance", "segment": {"name": "all", "value": "all"}}
    whole = {"key": key, "version": "8"}
    assert worst_segments(client, whole) == "payer = medicaid (31%), payer = medicare (12%)"
    payer = {**whole, "key": {**key, "segment": {"name": "payer", "value": "medicaid"}}}
    assert worst_segments(client, payer) == ""
    prometheus.up = False
    assert worst_segments(client, whole) == ""
