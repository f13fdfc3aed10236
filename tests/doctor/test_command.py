"""The command line: exit codes, 80 columns, one line of advice, JSON, and never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otel_clinical.doctor import Finding, Level

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "examples" / "policy.yaml"


def test_all_is_well(doctor, serve):
    code, out, err = doctor("--endpoint", serve(), "--policy", POLICY)
    assert (code, err) == (0, "")
    assert out.endswith("0 problems\n")


def test_a_problem_ends_with_1_and_advice_below_it(doctor, closed):
    code, out, err = doctor("--endpoint", closed)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("problem  endpoint"))
    assert lines[at + 1].lstrip().startswith("-> start the receiver")
    assert lines[-1] == "1 problem"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--endpoint", "nonsense"], "--endpoint is 'nonsense', expected a URL"),
        (["--protocol", "smoke"], "'smoke' is not one of"),
        (["--token-file", "/nowhere/token"], "/nowhere/token: No such file"),
        (["--ca-file", "/nowhere/ca.pem"], "--ca-file is '/nowhere/ca.pem': there is no such file"),
        (["--timeout", "0"], "0"),
    ],
)
def test_what_cannot_run_ends_with_2_and_a_sentence(doctor, words, said):
    code, out, err = doctor(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize("content", [b"", b"\xff\xfe"])
def test_a_token_file_that_holds_none(doctor, tmp_path, content):
    file = tmp_path / "token"
    file.write_bytes(content)
    code, _, err = doctor("--token-file", file)
    assert code == 2
    assert "--token-file" in err


def test_the_token_of_a_file_is_shown_and_never_printed(doctor, serve, token_file):
    token = token_file.read_text().strip()
    code, out, err = doctor("--endpoint", serve(token=token), "--token-file", token_file)
    assert code == 0
    assert token not in out + err


def test_everything_fits_80_columns(doctor, closed, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("nonsense: 1\n", encoding="utf-8")
    for words in (["--help"], ["--endpoint", closed, "--prometheus", closed], ["--endpoint", closed]):
        _, out, _ = doctor(*words)
        assert max(map(len, out.splitlines())) <= 80


def test_json_holds_the_same(doctor, closed):
    code, out, _ = doctor("--endpoint", closed, "--json")
    document = json.loads(out)
    assert (code, document["ok"]) == (1, False)
    found = [Finding(**{**finding, "level": Level(finding["level"])}) for finding in document["findings"]]
    assert [finding.check for finding in found if finding.level is Level.PROBLEM] == ["endpoint"]
    assert all(finding.advice for finding in found if finding.level is not Level.OK)


def test_over_grpc(doctor, serve_grpc):
    code, out, _ = doctor("--endpoint", serve_grpc(), "--protocol", "grpc")
    assert code == 1
    assert "takes traces (gRPC)" in " ".join(out.split())
