"""Type checkers see through the decorators: signatures, kinds of function and receipts are kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
API = ROOT / "tests" / "typing" / "api.py"


def check(path, cache):
    command = [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "--cache-dir", cache, path]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_mypy_sees_what_the_public_surface_promises(tmp_path):
    done = check(API, tmp_path)
    assert done.returncode == 0, done.stdout

    # Negative control: a promise that does not hold is found.
    wrong = tmp_path / "wrong.py"
    wrong.write_text(API.read_text(encoding="utf-8").replace("list[str])\n", "list[int])\n", 1), encoding="utf-8")
    done = check(wrong, tmp_path)
    assert done.returncode == 1
    assert 'Expression is of type "list[str]", not "list[int]"' in done.stdout
