"""`generate` writes files, and `--check` says how they differ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otel_clinical.cli import _frame

ROOT = Path(__file__).parents[2]


@pytest.fixture
def generate(capsys):
    """Run `otel-clinical generate` and return its exit code, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = _frame.run(["generate", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_what_is_committed_is_up_to_date(generate):
    code, out, err = generate("semconv", "--out", ROOT, "--check")
    assert (code, err) == (0, ""), out


def test_check_passes_after_writing_and_writes_nothing_itself(generate, tmp_path):
    code, out, _ = generate("semconv", "--check", "--out", tmp_path)
    assert code == 1
    assert "--- /dev/null" in out
    assert list(tmp_path.iterdir()) == []
    assert generate("semconv", "--out", tmp_path)[0] == 0
    assert generate("semconv", "--check", "--out", tmp_path)[0] == 0


def test_writing_prints_the_paths_that_it_wrote(generate, tmp_path):
    _, out, _ = generate("schema", "--out", tmp_path / "made")
    assert out == f"wrote {tmp_path / 'made' / 'docs' / 'policy.schema.json'}\n"
    assert Path(out.removeprefix("wrote ").strip()).is_file()


def test_check_fails_on_a_difference_of_one_character(generate, tmp_path):
    generate("semconv", "--out", tmp_path)
    page = tmp_path / "docs" / "telemetry.md"
    page.write_text(page.read_text(encoding="utf-8").replace("linkable", "linkible", 1), encoding="utf-8")
    code, out, err = generate("semconv", "--check", "--out", tmp_path)
    assert code == 1
    assert out.startswith("--- docs/telemetry.md\n+++ docs/telemetry.md (generated)\n@@")
    assert "1 of 8 files differ" in err


def test_line_endings_count_as_a_difference(generate, tmp_path):
    generate("semconv", "--out", tmp_path)
    page = tmp_path / "docs" / "telemetry.md"
    page.write_bytes(page.read_bytes().replace(b"\n", b"\r\n"))
    assert generate("semconv", "--check", "--out", tmp_path)[0] == 1


def test_the_schema_is_a_json_schema(generate, tmp_path):
    assert generate("schema", "--out", tmp_path)[0] == 0
    schema = json.loads((tmp_path / "docs" / "policy.schema.json").read_text(encoding="utf-8"))
    assert schema["$schema"].startswith("https://json-schema.org/")


def test_a_missing_policy_is_one_sentence(generate, tmp_path):
    code, out, err = generate("collector", "--policy", tmp_path / "nowhere.yaml", "--out", tmp_path)
    assert (code, out) == (2, "")
    assert "nowhere.yaml" in err
    assert "Traceback" not in err


def test_a_bad_policy_lists_its_mistakes(generate, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("schema: otel-clinical/policy/v1\nmodells: {}\n", encoding="utf-8")
    code, _, err = generate("collector", "--policy", policy, "--out", tmp_path)
    assert code == 2
    assert f"{policy}:2:" in err
