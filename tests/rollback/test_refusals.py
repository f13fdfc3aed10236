"""Who is refused is in the audit, and nobody on the network can fill it by being refused."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from otel_clinical.rollback.refusals import ACTION, OTHERS, SOURCES, Refusals
from otel_clinical.rollback.store import Store
from otel_clinical.semconv.enums import RollbackAccessRefusal as Kind
from otel_clinical.simulate.stack import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from tests.rollback._controller import Controller

HOUR = 3_600.0


class Clock:
    now = 1_000 * HOUR

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path)) as store:
        yield store


def told(store: Store) -> list[dict[str, Any]]:
    return [dict(event.data) for event in store.audit_of([ACTION])]


def test_a_flood_of_refusals_from_many_sources_is_a_bounded_number_of_events(store: Store) -> None:
    clock = Clock()
    refusals = Refusals(store, clock)
    for round_ in range(10):
        for number in range(500):
            refusals.add(Kind.TOKEN, f"10.0.{number // 250}.{number % 250}")
        if round_ % 3 == 0:
            refusals.flush()
    clock.now += HOUR
    refusals.flush()
    refusals.flush()
    found = told(store)
    assert len(found) <= 2 * (SOURCES + 1)
    newest = {event["source"]: event["count"] for event in found}
    assert sum(newest.values()) == 5_000, "and none of them is left out"
    assert newest[OTHERS] == 5_000 - 10 * SOURCES


def test_each_kind_source_and_hour_is_told_when_it_begins_and_with_its_count(store: Store) -> None:
    clock = Clock()
    refusals = Refusals(store, clock)
    refusals.add(Kind.TOKEN, "a")
    refusals.flush()
    refusals.add(Kind.TOKEN, "a")
    refusals.add(Kind.PAGE, "a")
    refusals.flush()
    clock.now += HOUR
    refusals.add(Kind.TOKEN, "a")
    refusals.flush()
    clock.now += HOUR
    refusals.flush()
    seen = [(event["kind"], event["count"], event["hour"] / HOUR) for event in told(store)]
    assert seen == [("token", 1, 1_000), ("page", 1, 1_000), ("token", 2, 1_000), ("token", 1, 1_001)]


def test_what_could_not_be_written_is_written_later(store: Store, tmp_path: Path) -> None:
    refusals = Refusals(store, Clock())
    refusals.add(Kind.TOKEN, "a")
    store.close()
    refusals.flush()
    with closing(Store(tmp_path)) as again:
        refusals._store = again
        refusals.flush(end=True)
        assert [event["count"] for event in told(again)] == [1]


def test_a_controller_tells_its_audit_of_wrong_tokens_and_logins(controller: Controller) -> None:
    for _ in range(5):
        assert controller.post(b"{}", authorization="Bearer wrong").status_code == 401

    def found() -> list[dict[str, Any]]:
        events = controller.get("/v1/audit")["events"]
        return [event["data"] for event in events if event["action"] == ACTION]

    (first,) = wait_until(found, within=60, what="the refusals")
    assert (first["kind"], first["source"]) == ("token", "127.0.0.1")
    controller.process.stop()
    controller.start()
    assert found()[-1]["count"] == 5
    controller.verify_audit()
