"""Programs of others that the tests run against where they are built, by a script of their own name."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]


def built(name: str) -> tuple[Path | None, str]:
    """Return the binary if it is in the cache, else the command that builds it."""
    found = subprocess.run([ROOT / "scripts" / name, "--path"], capture_output=True, text=True, check=False)
    return (Path(found.stdout.strip()), "") if found.returncode == 0 else (None, found.stderr.strip())


def ended(process: subprocess.Popen[bytes]) -> None:
    """End a process and wait for it."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)
