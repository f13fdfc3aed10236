"""The examples of the instrumentation page run."""

from __future__ import annotations

import re
from pathlib import Path

from otel_clinical.instrument import Receipt, Telemetry, use_telemetry
from otel_clinical.release import ReleasePointer, create_pointer

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "instrumentation.md"


def test_every_example_runs_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(examples) == 10
    names: dict[str, object] = {}
    with use_telemetry(Telemetry()):
        for example in examples:
            exec(compile(example, str(PAGE), "exec"), names)  # noqa: S102 -- our own page
    assert names["code"]({})["receipt"].version == "_OTHER"


def run_the_readme():
    """Run the example of the README as it stands: nothing has to be made up before it runs."""
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict[str, object] = {}
    with use_telemetry(Telemetry()):
        exec(compile(example, "README.md", "exec"), names)  # noqa: S102 -- our own page
    return names["answer"], Receipt.loads(names["stored"])


def test_the_ten_lines_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    create_pointer("coding.json", ReleasePointer(model="coding", version="7"))
    answer, receipt = run_the_readme()
    assert answer["code"] == "J10.1"
    assert (receipt.version, receipt.route) == ("7", "standard")


def test_the_ten_lines_of_the_readme_run_before_a_version_is_activated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer, receipt = run_the_readme()
    assert answer["code"] is None
    assert (receipt.version, receipt.route) == ("_OTHER", "manual")
