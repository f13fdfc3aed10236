"""A policy, a pipeline and a writer inside the test process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from otel_clinical.drift.explode import explode_logs, explode_traces
from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.runtime._entry import Entry, Signal
from otel_clinical.drift.runtime._pipeline import Pipeline, Work
from otel_clinical.drift.runtime.store import Store
from otel_clinical.policy import Baseline, Policy, load_baseline, load_policy
from tests.drift.runtime._harness import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@cache
def policy() -> Policy:
    """Return the reference policy."""
    return load_policy(ROOT / "examples" / "policy.yaml")


@cache
def baseline() -> Baseline:
    """Return the reference baseline."""
    return load_baseline(ROOT / "examples" / "baseline.json")


def new_kernel(kind: type[Kernel] = Kernel, of: Policy | None = None) -> Kernel:
    """Return an empty kernel, of the reference policy unless another is given."""
    chosen = of or policy()
    return kind(chosen, {name: baseline() for name in chosen.models})


def open_pipeline(folder: Path, kind: type[Kernel] = Kernel, of: Policy | None = None) -> Pipeline:
    """Return a restored pipeline over a state directory."""
    pipeline = Pipeline(Store(folder), lambda: new_kernel(kind, of))
    try:
        pipeline.restore()
    except BaseException:
        pipeline.close()
        raise
    return pipeline


def work(signal: Signal, body: bytes, received: float) -> Work:
    """Take a request apart, as the intake does."""
    explode = explode_traces if signal is Signal.TRACES else explode_logs
    batch = explode(body, received, new_kernel().index).batch
    return Work(Entry(signal, received, batch.to_bytes()), batch)
