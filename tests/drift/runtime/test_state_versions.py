"""State written by every schema version there was is continued by this one, with every number it held."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.runtime._pipeline import Pipeline
from otel_clinical.drift.runtime._schema import VERSION
from otel_clinical.drift.runtime.backup import restore
from otel_clinical.drift.runtime.status import from_state
from otel_clinical.drift.runtime.store import Store
from otel_clinical.policy import load_baseline, load_policy
from otel_clinical.semconv import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parent / "golden"
POLICY = load_policy(GOLDEN / "policy.yaml")
BASELINES = {"coding": load_baseline(GOLDEN / "baseline.json")}
OUTCOMES = 600  # in the files, and one more that waits
NAMES = [f"schema-{number}" for number in range(1, VERSION + 1)]
EVENTS = metrics.PROCESSOR_EVENTS.prometheus


def written(name: str, folder: Path) -> Path:
    folder.mkdir()
    (folder / "state.db").write_bytes(gzip.decompress((GOLDEN / f"{name}.db.gz").read_bytes()))
    return folder


@pytest.fixture(params=NAMES)
def continued(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pipeline]:
    folder = written(request.param, tmp_path / "state")
    with closing(sqlite3.connect(folder / "state.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (NAMES.index(request.param) + 1,)
    pipeline = Pipeline(Store(folder), lambda: Kernel(POLICY, BASELINES))
    yield pipeline
    pipeline.close()


def test_every_version_has_its_file():
    assert sorted(path.name.removesuffix(".db.gz") for path in GOLDEN.glob("*.db.gz")) == NAMES


def test_nothing_begins_anew_and_nothing_is_lost(continued: Pipeline, caplog: pytest.LogCaptureFixture):
    continued.restore()
    assert caplog.messages == []
    totals = {labels[0]: count for (name, labels), count in continued.tally.totals().items() if name == EVENTS}
    assert (totals["inference"], totals["outcome"]) == (OUTCOMES, OUTCOMES + 1)
    rows = {(row.segment, row.value): row for row in continued.kernel.evidence()}
    assert rows["all", "all"].labels == rows["payer", "medicare"].labels == OUTCOMES
    assert rows["all", "all"].samples > 200
    assert rows["all", "all"].drop > 0.1
    assert continued.pending == 10


@pytest.mark.parametrize("name", NAMES)
def test_it_goes_on_and_is_sealed(tmp_path: Path, name: str):
    folder = written(name, tmp_path / "state")
    for pending in (10, 0):
        with closing(Pipeline(Store(folder), lambda: Kernel(POLICY, BASELINES))) as pipeline:
            pipeline.restore()
            assert pipeline.pending == pending
            (row,) = (row for row in pipeline.kernel.evidence() if row.segment == "all")
            assert row.labels == OUTCOMES
            pipeline.checkpoint()


@pytest.mark.parametrize("name", NAMES)
def test_a_backup_of_any_version_can_be_restored(tmp_path: Path, name: str):
    written(name, tmp_path / "old")
    found, _ = restore(tmp_path / "state", tmp_path / "old" / "state.db")
    assert found.pending == 10


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_looked_at_before_it_is_brought_up_to_date(tmp_path: Path, name: str):
    assert from_state(written(name, tmp_path / "state"), POLICY).pending == 10


def test_states_are_plain_data(continued: Pipeline):
    """The header is JSON and the rest are numbers: nothing in a file can name code that would be run."""
    for key, blob in continued._store.states().items():
        assert blob[:4] == b"OTCL", key
        header = blob[12 : 12 + int.from_bytes(blob[8:12], "little")]
        _kind, _version, _meta, arrays = json.loads(header)
        assert {kind for _, kind, _ in arrays} <= {"|u1", "<i8", "<u8", "<f8"}
