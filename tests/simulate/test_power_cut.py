"""kill -9 of processor and controller in the middle of a rollback: nothing lost, nothing repeated."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from otel_clinical.semconv import attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import ProcessorRejection, ProcessorSignal
from otel_clinical.simulate._acts import BAD_RELEASE, playbill
from otel_clinical.simulate._commands import activate, register
from otel_clinical.simulate._play import play, verdict
from otel_clinical.simulate._policy import Load, write_policy
from otel_clinical.simulate._stack import Stack
from otel_clinical.simulate.stack import DeadlineError, wait_until
from otel_clinical.simulate.truth import QUIET, write_truth

pytestmark = pytest.mark.stack

SIGNAL = prometheus_label(attributes.PROCESSOR_SIGNAL)
REASON = prometheus_label(attributes.PROCESSOR_REJECTION)
EMITTED = {
    ProcessorSignal.INFERENCE: metrics.INFERENCES.prometheus,
    ProcessorSignal.OUTCOME: metrics.OUTCOMES.prometheus,
    ProcessorSignal.REVIEW: metrics.REVIEWS.prometheus,
}


class PowerCuts:
    """Pull the plug of processor and controller at the worst moments of a rollback, once each."""

    def __init__(self, stack):
        self._stack = stack
        self.done = []

    def begin(self, _progress):
        pass

    def watch(self, progress):
        view, tiers = progress.story.last, progress.story.tiers("8", "performance")
        self._cut("while version 8 serves", self._stack.processor, when=view.pointer.version == "8")
        self._cut("before the decision", self._stack.controller, when=bool(tiers))
        self._cut("before the verification", self._stack.controller, when=view.pointer.activation == 3)
        self._cut("after the rollback", self._stack.processor, when=view.pointer.activation == 3)

    def end(self, _progress):
        pass

    def _cut(self, name, process, *, when):
        if when and name not in self.done:
            self.done.append(name)
            process.kill()
            process.restart()


def counts(observer):
    """Return how many events the services emitted and the processor took, by signal, and how many were late."""

    def total(expression):
        return sum(value for _, value in observer.query(f"sum({expression})"))

    emitted = {signal: total(counter) for signal, counter in EMITTED.items()}
    taken = {signal: total(f'{metrics.PROCESSOR_EVENTS.prometheus}{{{SIGNAL}="{signal}"}}') for signal in EMITTED}
    return emitted, taken, total(f'{metrics.PROCESSOR_REJECTIONS.prometheus}{{{REASON}="{ProcessorRejection.LATE}"}}')


def settled(observer):
    """Tell whether every emitted event was taken once, or counted as late.

    An outcome is taken however late it is. Inferences and reviews that come after their slot was closed, because
    the other service was faster after the cut, are counted and left out.
    """
    emitted, taken, late = counts(observer)
    missing = {signal: emitted[signal] - taken[signal] for signal in emitted}
    return missing[ProcessorSignal.OUTCOME] == 0 and min(missing.values()) >= 0 and sum(missing.values()) <= late


def test_power_cuts_lose_nothing_and_repeat_nothing(tmp_path):
    policy = write_policy(tmp_path, Load(), seed=5)
    act = next(act for act in playbill(fast=True) if act.name == BAD_RELEASE)
    with Stack(tmp_path, policy, seed=5) as stack, stack.observer() as observer:
        wait_until(lambda: observer.look().here().performance, within=60, what="the first mature labels")
        register(stack.layout)
        cuts = PowerCuts(stack)
        progress = play(act, observer, stack.layout.world, lambda version: activate(stack.layout, version), cuts)
        result = verdict(progress)
        assert len(cuts.done) == 4
        assert result.ok, result.observed

        write_truth(stack.layout.world, replace(QUIET, traffic=0.0))
        wait_until(lambda: not observer.look().serving, within=60, what="the last inferences", every=0.5)
        try:
            wait_until(lambda: settled(observer), within=90, what="the processor to have everything", every=0.5)
        except DeadlineError:
            pytest.fail(f"emitted, taken, late: {counts(observer)}")
        assert min(counts(observer)[0].values()) > 100
        assert observer.query(f"sum({metrics.TELEMETRY_DROPPED.prometheus})") in ([], [({}, 0.0)])
        assert observer.look().pointer.activation == 3
        decided = [event for event in observer.audit() if event["action"] == "decision.rollback"]
        assert len(decided) == 1
    command = [sys.executable, "-m", "otel_clinical.cli", "audit", "verify", "--state", stack.layout.controller]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
