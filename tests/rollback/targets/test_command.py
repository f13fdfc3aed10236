"""A program that deploys: no shell, few variables, killed when it hangs."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from otel_clinical.rollback.targets import Active, Command, Unreachable


def program(tmp_path: Path, text: str, **options: object) -> Command:
    path = tmp_path / "program.py"
    path.write_text(text)
    return Command([sys.executable, "-I", str(path)], **{"timeout": 30.0, **options})


def test_sees_only_the_variables_that_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED", "yes")
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    told = (
        "import json, os\n"
        "seen = sorted(set(os.environ) - {'LC_CTYPE', 'PATH'})\n"
        "print(json.dumps({'version': '8', 'token': ' '.join(seen)}))"
    )
    assert program(tmp_path, told, environment=["ALLOWED"]).read().token.split() == ["ALLOWED"]


def test_nothing_in_its_arguments_is_expanded(tmp_path: Path) -> None:
    told = "import json, sys; print(json.dumps({'version': '8', 'token': sys.argv[1]}))"
    (tmp_path / "program.py").write_text(told)
    command = Command([sys.executable, "-I", str(tmp_path / "program.py"), "$(touch here); *"], timeout=30)
    assert command.read().token.split(" ") == ["$(touch", "here);", "*"]


def test_a_program_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    told = (
        "import os, pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid))\n"
        "time.sleep(600)"
    )
    command = program(tmp_path, told, timeout=5.0)
    with pytest.raises(Unreachable, match="did not end within"):
        command.read()
    assert _ends(int((tmp_path / "child").read_text()))


def _ends(process: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":  # dead, and waiting for whoever adopts it
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    "printed", ["", "{", "[]", '{"token": "1"}', '{"version": "8"}', '{"version": "8", "token": 1}']
)
def test_nonsense_is_unreachable(tmp_path: Path, printed: str) -> None:
    with pytest.raises(Unreachable):
        program(tmp_path, f"print({printed!r})").read()


def test_what_it_prints_on_standard_error_is_shown_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(Unreachable) as raised:
        program(tmp_path, "import sys; sys.exit('patient 4711')").read()
    assert "4711" not in str(raised.value)
    assert "4711" not in "".join(capfd.readouterr())


def test_endless_output_ends(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="more than"):
        program(tmp_path, "print('x' * 70_000)").read()


def test_a_program_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="cannot be started"):
        Command(["/nowhere/deploy"]).swap(Active("8", "1"), "7", "otel-clinical/4/7")
