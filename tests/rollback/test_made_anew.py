"""A release pointer that was deleted and made anew, or put back: its incidents are its own."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from otel_clinical.release import EpochConflict, read_pointer
from otel_clinical.rollback import activate_version
from otel_clinical.rollback._records import Record
from otel_clinical.rollback.ledger import Release
from otel_clinical.rollback.state import ModelState
from otel_clinical.rollback.store import Store
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import Controller, alert, notification, terms_of
from tests.rollback._prometheus import degraded
from tests.rollback._situations import pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "state")
    yield store
    store.close()


@pytest.mark.parametrize(
    ("later", "highest"),
    [
        (pointer(), None),
        (pointer(epoch=9, route="manual"), None),
        (pointer(activation=3), None),
        (pointer(activated_at=pointer().activated_at + 1), 2),
        (pointer(version="7"), 2),
        (pointer(activation=1), 2),
    ],
    ids=["the same", "another route", "the next", "same number, later", "same number, other version", "lower number"],
)
def test_the_ledger_tells_which_pointer_counts_again(store: Store, later: ReleasePointer, highest: int | None) -> None:
    assert store.repeats(pointer()) is None
    store.observe(pointer(), 1.0)
    assert store.repeats(later) == highest


def test_the_ledger_of_another_model_says_nothing(store: Store) -> None:
    store.observe(pointer(activation=9), 1.0)
    assert store.repeats(pointer(model="sepsis", activation=1)) is None


def test_the_first_activation_of_a_new_pointer_counts_on_from_the_ledger(store: Store, tmp_path: Path) -> None:
    terms = terms_of(tmp_path)
    store.observe(pointer(activation=41), 1.0)
    known = ModelState(releases={"7": Release("7", registered_at=1.0)})
    store.commit("coding", ModelState(), known, [Record("x", "coding")], at=1.0)
    assert activate_version(terms, "7", by="ana", at=2.0, state=tmp_path / "state").activation == 42


def forget(path: Path) -> None:
    """Delete a pointer and everything that was noted beside it."""
    path.unlink()
    path.with_name(path.name + ".lock").unlink()


def made_anew(terms: Terms) -> None:
    """Let a pointer arise whose numbers are those of the incident that is over."""
    forget(terms.pointer)
    activate_version(terms, "7", by="ana", at=time.time() - 50)
    with suppress(EpochConflict):  # where the controller has numbered it anew in between, as it may
        activate_version(terms, "8", by="ana", at=time.time() - 40)
        return
    activate_version(terms, "8", by="ana", at=time.time() - 40)


def put_back(terms: Terms) -> None:
    """Put back the pointer of before the rollback, as from a backup."""
    text = read_pointer(terms.pointer).activate("8", at=time.time() - 60, by="ana").dumps()
    forget(terms.pointer)
    terms.pointer.write_text(text.replace('"activation": 3', '"activation": 2').replace('"epoch": 3', '"epoch": 2'))


@pytest.mark.parametrize("happens", [made_anew, put_back])
def test_an_alert_of_the_new_life_is_not_taken_for_the_old_incident(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path, happens: Callable[[Terms], None]
) -> None:
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.1", "--retry=0.2", "--watch=0.1"))
    controller.start()
    try:
        labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
        controller.post(notification(alert(labels)))
        old = controller.wait_state("converging", "verifying")
        assert (old["key"]["activation"], controller.pointer().activation) == (2, 3)
        prometheus.drop("ALERTS")
        happens(terms)
        wait_until(lambda: controller.pointer().activation > 3, within=10, what="a number of its own")
        assert (controller.pointer().version, controller.pointer().activation) == ("8", 4)
        controller.wait_state("overridden")
        # The evidence of the earlier life is not that of the new one either: its activation is 2.
        labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
        controller.post(notification(alert(labels)))
        new = controller.wait_state("inconclusive")
        assert (new["key"]["activation"], new["id"] != old["id"]) == (4, True)
        assert "the evidence is of activation 2, and the alert is about activation 4" in new["reason"]
        assert controller.pointer().version == "8"
        actions = [event["action"] for event in controller.get("/v1/audit?after=0")["events"]]
        assert actions.count("activation.renumbered") == 1
        numbers = [entry["activation"] for entry in controller.get("/v1/releases")["activations"]]
        assert numbers == [2, 3, 4]
    finally:
        controller.process.stop()
