"""The benchmark on real encounters: what its table says, and what it says without the data."""

from __future__ import annotations

import math

import pytest

from benchmarks import history
from otel_clinical.backtest import Injection, Measured


def test_the_table_tells_never_from_before_the_fault():
    labels = {"tier 3": 361.0, "rolling window of 500": math.nan, "ADWIN": math.inf}
    faults = [Injection("payer", "MC", 0.3, 20_000), Injection("all", "all", 0.3, 20_000)]
    found = [Measured(faults[0], labels, ("all",)), Measured(faults[1], labels, tuple("abcde"))]
    text = history.markdown([], found)
    assert "| payer=MC, 30% | 361 | before the fault | never | all |" in text
    assert "| all, 30% | 361 | before the fault | never | 5 values |" in text
    assert "| none |  |  |  | none |" in text


def test_without_the_data_it_says_what_to_set(monkeypatch, tmp_path):
    monkeypatch.delenv("OTEL_CLINICAL_DATA", raising=False)
    with pytest.raises(SystemExit, match="set OTEL_CLINICAL_DATA"):
        history.report(tmp_path / "new")
