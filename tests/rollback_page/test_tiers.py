"""Which tier a stream is in: of the version that serves, and not of one that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_clinical.release import Segment
from otel_clinical.rollback.page._tiers import Picture, look_at_tiers
from otel_clinical.rollback.prometheus import Prometheus
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
