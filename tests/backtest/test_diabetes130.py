"""The worked example on real encounters: quiet as they were, and a known fault found where it is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "diabetes130"
FILE = "diabetes130-first40k.csv.gz"
FAULT = "payer=MC:drop=20%:from-row=20000"

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = os.environ.get("OTEL_CLINICAL_DATA")
    if not folder:
        pytest.skip("OTEL_CLINICAL_DATA is not set: it names the folder that holds " + FILE)
    data = Path(folder) / FILE
    if not data.is_file():
        pytest.skip(f"no {FILE} in OTEL_CLINICAL_DATA")
    out = tmp_path_factory.mktemp("scored")
    command = [sys.executable, str(EXAMPLE / "score.py"), str(data), "--out", str(out)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


def backtest(scored, out, *options):
    command = [sys.executable, "-m", "otel_clinical.cli", "backtest", str(scored / "scored.csv.gz"), "--quiet"]
    command += ["--mapping", str(EXAMPLE / "mapping.yaml"), "--policy", str(EXAMPLE / "policy.yaml")]
    command += ["--baseline", str(scored / "baseline.json"), "--out", str(out), *options]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    print(done.stdout)  # noqa: T201  -- the delays are a result to be seen with -s
    return json.loads((out / "backtest.json").read_text(encoding="utf-8"))


def test_without_injection_no_tier_3_fires(scored, tmp_path):
    result = backtest(scored, tmp_path)
    assert [fire for fire in result["fires"] if fire["tier"] == 3] == []
    assert result["inputs"]["used"] == 30_000
    assert result["inputs"]["rejected"] == {}


def test_a_drop_of_a_fifth_in_one_payer_reaches_tier_3_there_and_nowhere_else(scored, tmp_path):
    result = backtest(scored, tmp_path, "--inject", FAULT)
    assert {fire["segment"] for fire in result["fires"] if fire["tier"] == 3} == {"payer=MC"}
    evidence = {
        s["segment"]: s["evidence"]["rollback"] for s in result["segments"] if s["segment"].startswith("payer=")
    }
    assert [segment for segment, value in evidence.items() if value >= 1] == ["payer=MC"]
    [fault] = result["faults"]
    assert fault["other_tier_3"] == []
    [delay] = [delay for delay in fault["delays"] if delay["tier"] == 3]
    assert fault["first_row"] >= 20_000
    assert 500 <= delay["labels"] <= 2500
