"""The examples of the instrumentation page run."""

from __future__ import annotations

import re
from pathlib import Path

from otel_clinical.instrument import Telemetry, use_telemetry

PAGE = Path(__file__).parents[2] / "docs" / "instrumentation.md"


def test_every_example_runs_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(examples) == 6
    names: dict[str, object] = {}
    with use_telemetry(Telemetry()):
        for example in examples:
            exec(compile(example, str(PAGE), "exec"), names)  # noqa: S102 -- our own page
    assert names["code"]({}) == "coder"
