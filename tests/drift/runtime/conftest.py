"""A policy with labels that mature at once, and a processor over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.drift.runtime._harness import ROOT, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.drift.runtime._harness import Processor


def write_policy(folder: Path) -> Path:
    """Write the reference policy with labels that count at once and slots of one second."""
    text = (ROOT / "examples" / "policy.yaml").read_text()
    for old, new in (("maturity: 30d", "maturity: 0s"), ("slot: 30s", "slot: 1s"), ("lateness: 2m", "lateness: 5s")):
        assert old in text
        text = text.replace(old, new)
    (folder / "baseline.json").write_bytes((ROOT / "examples" / "baseline.json").read_bytes())
    path = folder / "policy.yaml"
    path.write_text(text)
    return path


@pytest.fixture(scope="session")
def policy_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_policy(tmp_path_factory.mktemp("policy"))


@pytest.fixture(scope="module")
def processor(policy_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processor]:
    """Return a processor shared by the tests of a module; they compare counts before and after."""
    with running(tmp_path_factory.mktemp("processor"), policy_path) as running_processor:
        yield running_processor
