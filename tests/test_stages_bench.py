"""The benchmark of the processor's stages, on very few events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import stages

if TYPE_CHECKING:
    import pytest


def test_every_stage_is_measured_and_they_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stages, "WARM", 2048)
    monkeypatch.setattr(stages, "SAVED", 1)
    rows = stages.run(8192)
    *parts, whole = rows
    assert all(part.ours > 0.0 for part in parts)
    assert abs(sum(part.ours for part in parts) - whole.ours) < 1e-9
    assert {one.baseline for one in rows} == {whole.baseline}
