"""Changing the pointer file: one winner per epoch, whole files only, every change visible."""

import fcntl
import json
import multiprocessing
import os
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_clinical.release import (
    EpochConflict,
    PointerError,
    PointerLocked,
    ReleasePointer,
    Segment,
    SegmentRule,
    create_pointer,
    force_manual_path,
    pointer_signature,
    read_pointer,
    renumber_pointer,
    swap_pointer,
)

START = ReleasePointer(model="coding", version="7", updated_at=100.0, updated_by="release")


@pytest.fixture
def path(tmp_path):
    target = tmp_path / "coding.json"
    create_pointer(target, START)
    return target


def test_a_created_pointer_reads_back(path):
    assert read_pointer(path) == START


def test_an_existing_pointer_is_never_overwritten_by_create(path):
    with pytest.raises(FileExistsError, match="change it with swap_pointer"):
        create_pointer(path, replace(START, version="9"))
    assert read_pointer(path).version == "7"


def test_an_activation_counts_epoch_and_activation_and_remembers_the_previous_version(path):
    new = swap_pointer(path, 1, lambda p: p.activate("8", at=200.0, by="controller", marker="rb-1"))
    assert new == read_pointer(path)
    assert (new.epoch, new.activation, new.version, new.previous_version) == (2, 2, "8", "7")
    assert (new.activated_at, new.updated_at, new.updated_by) == (200.0, 200.0, "controller")


def test_a_rule_counts_the_epoch_but_not_the_activation(path):
    rule = SegmentRule(Segment("payer", "medicaid"), "assisted", marker="rb-2")
    new = swap_pointer(path, 1, lambda p: p.with_rule(rule, at=200.0, by="controller"))
    assert (new.epoch, new.activation, new.rules) == (2, 1, (rule,))
    lifted = swap_pointer(path, 2, lambda p: p.without_rules("rb-2", at=300.0, by="sre"))
    assert (lifted.epoch, lifted.rules) == (3, ())


def test_the_same_rule_again_replaces_the_earlier_one():
    first = SegmentRule(Segment("payer", "medicaid"), "assisted", marker="rb-2")
    second = replace(first, route="manual")
    pointer = START.with_rule(first, at=1.0, by="x").with_rule(second, at=2.0, by="x")
    assert pointer.rules == (second,)


def test_a_change_cannot_forge_the_counters(path):
    forged = swap_pointer(path, 1, lambda p: replace(p, epoch=900, activation=70, previous_version="1"))
    assert (forged.epoch, forged.activation, forged.previous_version) == (2, 1, None)


def test_a_stale_epoch_is_refused_and_nothing_changes(path):
    swap_pointer(path, 1, lambda p: p.with_route("manual", at=2.0, by="sre"))
    with pytest.raises(EpochConflict, match="epoch is 2, expected 1") as caught:
        swap_pointer(path, 1, lambda p: p.activate("8", at=3.0, by="x"))
    assert (caught.value.expected, caught.value.found) == (1, 2)
    assert read_pointer(path).version == "7"


def test_a_swap_without_a_pointer_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        swap_pointer(tmp_path / "none.json", 1, lambda p: p)


def test_a_pointer_made_anew_counts_on_from_the_one_that_was_deleted(path):
    swap_pointer(path, 1, lambda p: p.activate("8", at=200.0, by="ana"))
    swap_pointer(path, 2, lambda p: p.with_route("manual", at=300.0, by="ana"))
    path.unlink()
    again = create_pointer(path, START)
    assert again == read_pointer(path)
    assert (again.epoch, again.activation, again.version) == (4, 3, "7")


def test_a_pointer_put_back_from_a_backup_goes_on_above_what_was_used_since(path):
    backup = path.read_bytes()
    swap_pointer(path, 1, lambda p: p.activate("8", at=200.0, by="ana"))
    path.write_bytes(backup)
    routed = swap_pointer(path, 1, lambda p: p.with_route("manual", at=300.0, by="ana"))
    assert (routed.epoch, routed.activation) == (3, 1)
    moved = swap_pointer(path, 3, lambda p: p.activate("9", at=400.0, by="ana"))
    assert (moved.epoch, moved.activation) == (4, 3)


def test_an_activation_can_be_numbered_anew_and_nothing_else_changes(path):
    rule = SegmentRule(Segment("payer", "medicaid"), "assisted", marker="rb-2")
    before = swap_pointer(path, 1, lambda p: p.with_rule(rule, at=200.0, by="controller"))
    with pytest.raises(EpochConflict):
        renumber_pointer(path, 1, 7)
    assert renumber_pointer(path, 2, 7) == replace(before, epoch=3, activation=8)
    assert read_pointer(path) == replace(before, epoch=3, activation=8)


@pytest.mark.parametrize("noted", [b"", b"nonsense", b"\x00" * 64, b"1 2"])
def test_a_lock_file_that_notes_nothing_usable_counts_as_empty(path, noted):
    path.with_name("coding.json.lock").write_bytes(noted)
    assert swap_pointer(path, 1, lambda p: p.activate("8", at=2.0, by="ana")).epoch == 2


def test_a_change_to_another_model_is_refused(path):
    with pytest.raises(PointerError, match="model is 'sepsis', expected 'coding'"):
        swap_pointer(path, 1, lambda p: replace(p, model="sepsis"))


def test_an_invalid_change_leaves_the_file_and_no_litter(path):
    with pytest.raises(PointerError, match="route is"):
        swap_pointer(path, 1, lambda p: replace(p, route="off"))
    assert read_pointer(path) == START
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["coding.json", "coding.json.lock"]


def test_a_change_that_raises_leaves_the_file_and_the_lock_free(path):
    with pytest.raises(ZeroDivisionError):
        swap_pointer(path, 1, lambda _: 1 // 0)
    assert swap_pointer(path, 1, lambda p: p.with_route("manual", at=2.0, by="sre")).epoch == 2


def test_a_held_lock_is_reported_after_the_timeout(path):
    with (path.parent / "coding.json.lock").open("ab") as held:
        fcntl.flock(held.fileno(), fcntl.LOCK_EX)
        with pytest.raises(PointerLocked, match="locked by another process"):
            swap_pointer(path, 1, lambda p: p, lock_timeout=0.02)


def test_a_pointer_that_is_not_text_is_named_with_its_path(path):
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PointerError, match=r"coding\.json: not UTF-8"):
        read_pointer(path)


def test_every_change_shows_in_the_signature_even_when_the_clock_stands_still(path):
    future = 4_000_000_000_000_000_000
    os.utime(path, ns=(future, future))
    seen = {pointer_signature(path)}
    for epoch in range(1, 20):
        swap_pointer(path, epoch, lambda p: p.with_route("manual", at=2.0, by="sre"))
        seen.add(pointer_signature(path))
        assert path.stat().st_mtime_ns > future
    assert len(seen) == 20


def test_no_file_has_no_signature(tmp_path):
    assert pointer_signature(tmp_path / "none.json") is None


def test_the_manual_switch_lies_beside_the_pointer(path):
    assert force_manual_path(path).name == "coding.json.FORCE_MANUAL"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(versions=st.lists(st.sampled_from(["7", "8", "9"]), max_size=8))
def test_activations_count_the_changes_of_version(tmp_path_factory, versions):
    target = tmp_path_factory.mktemp("pointer") / "coding.json"
    create_pointer(target, START)
    for epoch, version in enumerate(versions, start=1):
        swap_pointer(target, epoch, lambda p, version=version: p.activate(version, at=2.0, by="x"))
    served = ["7", *versions]
    changes = sum(before != after for before, after in zip(served, versions, strict=False))
    final = read_pointer(target)
    assert (final.epoch, final.activation) == (1 + len(versions), 1 + changes)


EPOCHS = 20


def _race(path, name, wins):
    for epoch in range(1, EPOCHS + 1):
        with suppress(EpochConflict):
            won = swap_pointer(path, epoch, lambda p: p.activate(name, at=2.0, by=name), lock_timeout=60)
            wins.put((won.epoch, name))


def test_of_eight_processes_exactly_one_wins_each_epoch(path):
    """Readers meanwhile always see a whole, valid pointer whose epoch never falls."""
    context = multiprocessing.get_context("spawn")
    wins = context.Queue()
    racers = [context.Process(target=_race, args=(path, f"v{i}", wins)) for i in range(8)]
    for racer in racers:
        racer.start()
    seen = 0
    while any(racer.is_alive() for racer in racers):
        epoch = read_pointer(path).epoch
        assert epoch >= seen
        seen = epoch
    for racer in racers:
        racer.join()
        assert racer.exitcode == 0
    winners = [wins.get(timeout=10)[0] for _ in range(EPOCHS)]
    assert sorted(winners) == list(range(2, EPOCHS + 2))
    assert wins.empty()
    assert json.loads(path.read_text())["epoch"] == EPOCHS + 1
