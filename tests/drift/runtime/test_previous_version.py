"""A baseline of the version before the present one ends when another version has become that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from otel_clinical.access import Address
from otel_clinical.drift.runtime import ProcessorService, ProcessorSettings
from otel_clinical.drift.runtime._view import KernelView
from otel_clinical.drift.runtime.exporter import families
from otel_clinical.policy import load_baseline, load_policy
from otel_clinical.semconv import metrics
from tests.drift.kernel._world import START, batch, inference, make_kernel, make_policy
from tests.drift.runtime._world import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_the_kernel_knows_when_each_version_served_last() -> None:
    kernel = make_kernel(make_policy())
    about = {"7": START, "8": START + 60.0}
    kernel.apply(batch([inference(n, at, version=version) for n, (version, at) in enumerate(about.items())]))
    assert kernel.served == {("coding", version): at for version, at in about.items()}


@pytest.mark.parametrize(("served", "end"), [({"7": 1.0, "8": 2.0}, 0), ({"6": 1.0, "8": 3.0, "9": 4.0}, 3.0)])
def test_the_page_says_when_a_third_version_has_replaced_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: dict[str, float], end: float
) -> None:
    policy = (ROOT / "examples" / "policy.yaml").read_text()
    (tmp_path / "policy.yaml").write_text(
        policy.replace("{file: baseline.json}", "{file: b.json, kind: previous_version}")
    )
    replace(load_baseline(ROOT / "examples" / "baseline.json"), version="7", kind="previous_version").save(
        tmp_path / "b.json"
    )
    view = KernelView(served={("coding", version): at for version, at in served.items()} | {("another", "1"): 9.0})
    monkeypatch.setattr(KernelView, "of", lambda _: view)
    free = Address("127.0.0.1", 0)
    settings = ProcessorSettings(tmp_path / "state", http=free, grpc=free, metrics=free)
    with ProcessorService(load_policy(tmp_path / "policy.yaml"), settings) as service:
        assert service.wait_ready(60.0)
        page = families(service._expose(), load_policy(tmp_path / "policy.yaml"))
        found = {one.name: [sample.value for sample in one.samples] for one in page}
    ends = found[metrics.BASELINE_END_TIME.prometheus]
    assert ends[:1] == [end] if end else all(one > 1e9 for one in ends)
