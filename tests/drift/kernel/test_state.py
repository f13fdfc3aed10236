"""Saved states: what goes on, what begins anew, and what is refused."""

from __future__ import annotations

import pytest

from otel_clinical.drift.kernel import CodecError
from otel_clinical.policy import parse_policy
from otel_clinical.semconv.enums import EscalationLevel
from tests.drift.kernel import _world
from tests.drift.kernel._world import (
    START,
    World,
    batch,
    inference,
    make_baseline,
    make_kernel,
    make_policy,
    outcome,
    row_of,
    run,
)

HOUR = 3600.0


def saved_after(world, n=600, **policy):
    kernel = make_kernel(make_policy(**policy))
    run(kernel, world.records(n))
    return kernel, kernel.dump_dirty()


def test_nothing_saved_is_a_fresh_start():
    kernel = make_kernel()
    assert kernel.load({}) == []
    assert kernel.dump_dirty() == {}


def test_a_dump_holds_only_what_changed():
    kernel, saved = saved_after(World(1))
    assert any(key.startswith("stream/coding/7/1/outcomes/payer/") for key in saved)
    assert kernel.dump_dirty() == {}
    kernel.apply(batch([inference(999, START + 599 * 10.0 + 1.0)]))
    kinds = {key.split("/")[0] for key in kernel.dump_dirty()}
    assert kinds == {"clock", "pending"}


def test_closed_slots_are_deleted():
    kernel, saved = saved_after(World(1))
    pending = {key for key in saved if key.startswith("pending/")}
    kernel.advance(to=START + 10 * HOUR)
    later = kernel.dump_dirty()
    assert pending
    assert {key for key, data in later.items() if not data} == pending


def test_saved_states_go_on_where_they_were():
    kernel, saved = saved_after(World(1))
    again = make_kernel()
    assert again.load(saved) == []
    assert again.evidence() == kernel.evidence()
    assert again.drift() == kernel.drift()
    assert (again.newest, again.watermark) == (kernel.newest, kernel.watermark)


def test_another_guard_begins_anew_for_the_evidence_and_says_so():
    _, saved = saved_after(World(1))
    again = make_kernel(make_policy(guard="10%"))
    sentences = again.load(saved)
    assert len(sentences) == 8
    assert all("begins anew" in sentence and "outcomes" in sentence for sentence in sentences)
    assert row_of(again).labels == 0
    assert {row.signal for row in again.drift()} >= {"confidence", "input_quality"}


def test_another_baseline_begins_anew():
    _, saved = saved_after(World(1))
    again = make_kernel(baseline=make_baseline(5000))
    assert again.load(saved)
    assert row_of(again).labels == 0


def test_another_model_in_the_fleet_changes_the_threshold_and_not_the_evidence():
    _, saved = saved_after(World(1, drop=lambda *_: 0.2))
    text = _world._TEXT.format(**_world._DEFAULTS)
    head, _, model = text.partition("models:\n")
    policy = parse_policy(
        head + "models:\n" + model + model.replace("coding:", "triage:", 1).replace("pointer.json", "other.json"),
        baselines=False,
    )
    baseline = make_baseline()
    again = _world.Kernel(policy, {"coding": baseline, "triage": baseline})
    assert again.load(saved) == []
    before = make_kernel()
    before.load(saved)
    for level, value in row_of(before).current.items():
        assert row_of(again).current[level] == pytest.approx(value / 2)


def test_another_slot_width_keeps_the_waiting_records():
    kernel, saved = saved_after(World(1))
    again = make_kernel(make_policy(slot="1m"))
    again.load(saved)
    again.advance(to=START + 10 * HOUR)
    kernel.advance(to=START + 10 * HOUR)
    assert row_of(again).labels == row_of(kernel).labels == 600


def test_more_declared_words_keep_the_waiting_records():
    _, saved = saved_after(World(1))
    text = _world._TEXT.format(**_world._DEFAULTS)
    policy = parse_policy(text.replace("[medicaid, ", "[aaa, medicaid, "), baselines=False)
    again = _world.Kernel(policy, {"coding": make_baseline()})
    (sentence,) = again.load(saved)
    assert "mix payer begins anew" in sentence
    again.advance(to=START + 10 * HOUR)
    assert sum(row.labels for row in again.evidence() if row.segment == "payer") == 600
    assert row_of(again, "payer", "aaa").labels == 0


def test_a_model_that_left_the_policy_is_forgotten_and_said():
    _, saved = saved_after(World(1))
    text = _world._TEXT.format(**_world._DEFAULTS).replace("coding:", "triage:", 1)
    again = _world.Kernel(parse_policy(text, baselines=False), {"triage": make_baseline()})
    assert "the policy no longer names the model" in again.load(saved)[0]
    again.advance(to=START + 10 * HOUR)
    assert again.evidence() == []
    gone = {key for key, data in again.dump_dirty().items() if not data}
    assert {key for key in saved if key.startswith(("stream", "coverage"))} <= gone


@pytest.mark.parametrize("kind", ["clock", "pending", "stream", "coverage", "fed"])
def test_damage_is_refused(kind):
    kernel = make_kernel()
    run(kernel, World(1).records(500))
    saved = kernel.dump_dirty()
    key = next(key for key in saved if key.startswith(kind))
    with pytest.raises(CodecError):
        make_kernel().load(saved | {key: saved[key][:-1] + bytes([saved[key][-1] ^ 1])})


def test_states_without_their_clock_are_refused():
    _, saved = saved_after(World(1))
    del saved["clock"]
    with pytest.raises(CodecError, match="'clock' is not among them"):
        make_kernel().load(saved)


def test_a_service_that_counts_activations_wildly_cannot_fill_the_memory():
    kernel = make_kernel(make_policy(maturity="0s"))
    rows = [outcome(n, START + n, score=1.0, activation=n) for n in range(100)]
    run(kernel, batch(rows), to=START + HOUR)
    kept = {key.split("/")[3] for key, data in kernel.dump_dirty().items() if key.startswith("stream") and data}
    assert kept == {str(n) for n in range(84, 100)}


@pytest.mark.parametrize("before", [3, 2**31 - 1])
def test_a_number_that_is_too_high_does_not_hide_what_serves_now(before: int):
    """A release pointer made anew begins at 1 again; one senseless number is enough to be the highest."""
    kernel = make_kernel()
    run(kernel, World(8, activation=before).records(5), to=START + HOUR)
    worse = World(9, activation=1, drop=lambda *_: 0.3)
    run(kernel, worse.records(1500, first=100), to=START + 1600 * worse.gap + HOUR)
    row = row_of(kernel)
    assert kernel.activations == {("coding", "7"): 1}
    assert row.activation == 1
    assert row.latched[EscalationLevel.ROLLBACK]


def test_a_restart_ages_no_activation():
    """Late labels of an earlier activation still find its state after a restart."""
    kernel = make_kernel()
    run(kernel, World(1).records(300), to=START + 2 * HOUR)
    run(kernel, World(1, activation=2).records(20, first=1000))
    again = make_kernel()
    saved = kernel.dump_dirty()
    again.load(saved)
    run(again, World(1, activation=2).records(20, first=1100))
    gone = {key for key, data in again.dump_dirty().items() if not data}
    assert not {key for key in gone if key.startswith("stream/coding/7/1/")}


def test_old_activations_are_forgotten_when_nothing_can_reach_them():
    kernel = make_kernel()
    run(kernel, World(1).records(50), to=START + 2 * HOUR)
    saved = set(kernel.dump_dirty())
    later = START + 100 * 86400.0
    kernel.apply(batch([inference(1000, later, activation=2), inference(1001, later + HOUR, activation=2)]))
    kernel.advance(to=later + 2 * HOUR)
    gone = {key for key, data in kernel.dump_dirty().items() if not data}
    assert {key for key in saved if key.startswith("stream/coding/7/1/")} <= gone
