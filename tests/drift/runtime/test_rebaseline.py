"""A processor takes another baseline only when two people have agreed to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from otel_clinical.access import Address
from otel_clinical.cli import main
from otel_clinical.drift.runtime import ProcessorService, ProcessorSettings
from otel_clinical.policy import BaselineError, load_baseline, load_policy
from tests.drift.runtime._world import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the example policy and its baseline, and `old.json` and `new.json` beside it."""
    text = (ROOT / "examples" / "baseline.json").read_text()
    for name in ("baseline.json", "old.json"):
        (tmp_path / name).write_text(text)
    (tmp_path / "policy.yaml").write_text((ROOT / "examples" / "policy.yaml").read_text())
    replace(load_baseline(tmp_path / "old.json"), created_at=5.0).save(tmp_path / "new.json")
    return tmp_path


def _run_once(folder: Path) -> None:
    free = Address("127.0.0.1", 0)
    settings = ProcessorSettings(folder / "state", http=free, grpc=free, metrics=free)
    with ProcessorService(load_policy(folder / "policy.yaml"), settings) as service:
        assert service.wait_ready(30.0)


def _decide(folder: Path, action: str, by: str) -> int:
    files = [str(folder / "old.json"), str(folder / "new.json")]
    words = ["baseline", action, *files, "--for", str(folder / "baseline.json"), "--by", by, "--reason", "checked"]
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


def test_a_changed_baseline_waits_for_two_people(folder: Path) -> None:
    _run_once(folder)
    _run_once(folder)
    (folder / "baseline.json").write_text((folder / "new.json").read_text())
    for person, action, code in (("Meyer", "propose", 0), ("Meyer", "approve", 2)):
        with pytest.raises(BaselineError, match="two people have not agreed"):
            _run_once(folder)
        assert _decide(folder, action, person) == code
    with pytest.raises(BaselineError, match="two people have not agreed"):
        _run_once(folder)
    assert _decide(folder, "approve", "Novak") == 0
    _run_once(folder)
    (folder / "baseline.json").write_text((folder / "old.json").read_text())
    with pytest.raises(BaselineError, match="put the old file back"):
        _run_once(folder)
