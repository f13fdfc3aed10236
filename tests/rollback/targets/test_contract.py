"""What every place that follows the pointer promises, whatever it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from otel_clinical.release import ReleasePointer
from otel_clinical.rollback.targets import (
    Conflicted,
    Denied,
    Step,
    Swapped,
    Unreachable,
    marker_of,
    next_step,
)

if TYPE_CHECKING:
    from tests.rollback.targets._places import Place

BACK = ReleasePointer("coding", "7", epoch=4, activation=4, previous_version="8")
MARK = marker_of(BACK)


def test_says_what_serves(place: Place) -> None:
    seen = place.target.read()
    assert (seen.version, seen.marker) == ("8", "")
    assert seen.token


def test_swaps_and_leaves_its_mark(place: Place) -> None:
    swapped = place.target.swap(place.target.read(), "7", MARK)
    assert isinstance(swapped, Swapped)
    assert (swapped.active.version, swapped.active.marker) == ("7", MARK)
    assert place.target.read() == swapped.active


def test_does_not_write_over_what_somebody_else_changed_first(place: Place) -> None:
    expected = place.target.read()
    place.move("9")
    conflict = place.target.swap(expected, "7", MARK)
    assert isinstance(conflict, Conflicted)
    assert conflict.active.version == "9"
    assert place.target.read().version == "9"


def test_a_repetition_conflicts_and_shows_that_it_was_done(place: Place) -> None:
    expected = place.target.read()
    place.target.swap(expected, "7", MARK)
    again = place.target.swap(expected, "7", MARK)
    assert isinstance(again, Conflicted)
    assert again.active.marker == MARK


def test_of_several_that_expect_the_same_one_succeeds(place: Place) -> None:
    expected = place.target.read()
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda n: _tried(place, expected, f"{MARK}{n}"), range(4)))
    swapped = [outcome for outcome in outcomes if isinstance(outcome, Swapped)]
    assert len(swapped) == 1
    assert place.target.read().marker == swapped[0].active.marker


def _tried(place: Place, expected, marker):
    try:
        return place.target.swap(expected, "7", marker)
    except Unreachable as error:  # another one of ours kept its lock
        return error


def test_a_swap_to_what_serves_only_marks(place: Place) -> None:
    marked = place.target.swap(place.target.read(), "8", "otel-clinical/3/8")
    assert isinstance(marked, Swapped)
    assert (marked.active.version, marked.active.marker) == ("8", "otel-clinical/3/8")


def test_says_that_it_may_not(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = place.target.read()
    place.forbid(monkeypatch)
    denied = place.target.swap(expected, "7", MARK)
    assert isinstance(denied, Denied)
    assert denied.because
    assert place.target.read().version == "8"


def test_is_unreachable_when_it_is_gone(place: Place) -> None:
    expected = place.target.read()
    place.vanish()
    with pytest.raises(Unreachable):
        place.target.read()
    with pytest.raises(Unreachable):
        place.target.swap(expected, "7", MARK)
    assert place.target.preflight("7")


def test_converges_on_the_version_that_serves_and_no_other(place: Place) -> None:
    assert place.target.converged("8").complete
    assert not place.target.converged("7").complete


def test_a_preflight_finds_nothing_wrong_and_changes_nothing(place: Place) -> None:
    before = place.target.read()
    assert place.target.preflight("7") == ()
    assert place.target.read() == before


def test_a_refused_proof_of_comparison_changes_nothing(place: Place) -> None:
    before = place.target.read()
    stale = replace(before, token=_another(before.token))
    assert isinstance(place.target.swap(stale, "8", "otel-clinical/1/8"), Conflicted)
    assert place.target.read() == before


def _another(token: str) -> str:
    return str(int(token) + 1) if token.isdigit() else f'"{token}-else"'


def test_a_change_that_stopped_half_way_is_unreachable_and_mended_by_going_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        place.halve(broken)
        with pytest.raises(Unreachable):
            place.target.swap(place.target.read(), "7", MARK)
    for _ in range(2):
        seen = place.target.read()
        step = next_step(BACK, seen)
        assert step is not Step.STAND_BACK, "its own work is not taken for somebody else's"
        if step is Step.SWAP:
            assert isinstance(place.target.swap(seen, "7", MARK), Swapped)
    assert (place.target.read().version, place.target.read().marker) == ("7", MARK)


def test_follows_there_and_back_and_stands_back_from_a_person(place: Place) -> None:
    seen = place.target.read()
    assert next_step(BACK, seen) is Step.SWAP
    place.target.swap(seen, "7", MARK)
    assert next_step(BACK, place.target.read()) is Step.NOTHING
    place.move("8")  # a person promotes 8 once more
    assert next_step(BACK, place.target.read()) is Step.STAND_BACK
