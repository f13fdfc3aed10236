"""The benchmark of inputs: its table, what it says without the data, and its short form on real encounters."""

from __future__ import annotations

import os

import pytest

from benchmarks import inputs


def test_the_table_names_what_moved_and_what_the_shuffles_found():
    moved = {
        "segment": "all",
        "feature": "payer",
        "aspects": ["distribution", "missing"],
        "moved": 0.25,
        "psi": 0.5,
        "first_row": 24_274,
        "first": "2001-05-20T00:00:00Z",
    }
    real = {"moved": [moved, {**moved, "segment": "payer=MC"}], "fires": [{"tier": 3}, {"tier": 1}]}
    text = inputs.markdown(real, [{"moved": []}, {"moved": [moved]}])
    assert "| payer | distribution, missing | 25.0% | +0.50 | 24,274 | 2001-05-20 |" in text
    assert "proved to have moved: payer=MC." in text
    assert "Shuffled 2 times, inputs proved to have moved: 0, 1." in text
    assert "Tier 3 fires without a fault: 1." in text


def test_without_the_data_it_says_what_to_set(monkeypatch, tmp_path):
    monkeypatch.delenv("OTEL_CLINICAL_DATA", raising=False)
    with pytest.raises(SystemExit, match="set OTEL_CLINICAL_DATA"):
        inputs.report(tmp_path / "new")


@pytest.mark.realdata
def test_payers_and_specialties_moved_in_real_encounters_and_nothing_when_shuffled(monkeypatch):
    if not os.environ.get("OTEL_CLINICAL_DATA"):
        pytest.skip("OTEL_CLINICAL_DATA is not set: it names the folder that holds " + inputs.FILE)
    monkeypatch.setattr(inputs, "SHUFFLES", 1)
    assert [row.measure for row in inputs.run() if not row.ok] == []
