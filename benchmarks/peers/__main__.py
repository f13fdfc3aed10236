"""Probe every library in an environment of its own: `python -m benchmarks.peers [--only NAME] [--json FILE]`.

Environments are made once, in the user's cache; nothing but their installation uses the network. The table goes into
docs/comparison.md unless `--only` is given.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, Final

from benchmarks.peers._adapters import QUIET
from benchmarks.peers._table import replaced, score, table
from otel_clinical._version import __version__

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = ROOT / "docs" / "comparison.md"
REQUIREMENTS: Final = Path(__file__).parent / "requirements"
PEERS: Final = {
    "traceloop": "traceloop-sdk",
    "openinference": "openinference-instrumentation",
    "openlit": "openlit",
    "mlflow": "mlflow-tracing",
    "logfire": "logfire",
    "langfuse": "langfuse",
}
"""The distribution that each requirements file is about."""
DEADLINE_SECONDS: Final = 300


def environment(name: str) -> Path:
    """Return the Python of a library's environment; make it when its pins changed or it is not there."""
    pins = (REQUIREMENTS / f"{name}.txt").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / "otel-clinical" / "peers" / f"{name}-{hashlib.sha256(pins).hexdigest()[:12]}"
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        print(f"installing {name} ...", file=sys.stderr)
        venv.create(place, with_pip=True, clear=True)
        # No resolver: the pins are complete, and some libraries ask for versions that do not go together.
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "-r", str(REQUIREMENTS / f"{name}.txt")], check=True)  # noqa: S603 -- our own pins
        (place / "complete").touch()
    return python


def version(name: str) -> str:
    """Return the pinned version of a library."""
    pins = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    found = dict(pin.split("==") for pin in pins if "==" in pin)
    return found[PEERS[name]]


def probe(python: Path, name: str, *options: str) -> dict[str, Any]:
    """Run the probe in another process and return what it printed last."""
    done = subprocess.run(  # noqa: S603 -- our own module
        [str(python), "-m", "benchmarks.peers._probe", name, *options],
        cwd=ROOT,
        env=os.environ | QUIET | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    if done.returncode or not done.stdout:
        raise RuntimeError(f"the probe of {name} ended with {done.returncode}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def probe_all(names: list[str]) -> list[dict[str, Any]]:
    """Probe ours and the named libraries."""
    pythons = {"ours": Path(sys.executable)} | {name: environment(name) for name in names}
    found = []
    for name, python in pythons.items():
        one = probe(python, name)
        one["version"] = __version__ if name == "ours" else version(name)
        one["cost_without_sdk"] = probe(python, name, "--without-sdk")["cost"]
        print(f"{one['name']} {one['version']}: {score(one)} as expected", file=sys.stderr)
        found.append(one)
    return found


def main() -> None:
    """Probe, print the table, and write it into the documentation."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--only", choices=sorted(PEERS), action="append", help="this library only; writes no document")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was found to FILE")
    chosen = parser.parse_args()
    found = probe_all(chosen.only or list(PEERS))
    text = table(found)
    print(text)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if not chosen.only:
        today = dt.datetime.now(dt.UTC).date()
        python = ".".join(str(part) for part in sys.version_info[:2])
        section = f"Made on {today} with Python {python} by `python -m benchmarks.peers`.\n\n{text}"
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(encoding="utf-8"), section), encoding="utf-8")


if __name__ == "__main__":
    main()
