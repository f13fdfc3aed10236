"""Fetch Debian packages and unpack them into a folder, without root and without installing anything."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_TIMEOUT = 600.0


class AptError(RuntimeError):
    """Packages could not be fetched or unpacked; the message says what to do."""


def unpack_packages(packages: Sequence[str], scratch: Path) -> Path:
    """Download ``packages`` from the configured Debian archive and return the folder of their unpacked files.

    Where the package lists of the machine are missing or out of date, fresh lists are fetched into
    ``scratch``; the machine's own are not touched.

    Args:
        packages: Names of Debian packages; their dependencies are not fetched.
        scratch: An empty folder, which is the caller's to remove; the result lies in it.

    Raises:
        AptError: apt-get or dpkg is missing or failed.
    """
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise AptError(f"{tool} is not on PATH")
    downloads = scratch / "downloads"
    downloads.mkdir()
    _download(packages, downloads, scratch)
    tree = scratch / "tree"
    tree.mkdir()
    for archive in sorted(downloads.glob("*.deb")):
        _run(["dpkg", "-x", str(archive), str(tree)], downloads)
    return tree


def _download(packages: Sequence[str], downloads: Path, scratch: Path) -> None:
    """Put the archives of ``packages`` into ``downloads``, with private package lists if need be."""
    try:
        _run(["apt-get", "download", *packages], downloads)
    except AptError:
        options = _private_lists(scratch / "apt")
        _run(["apt-get", *options, "update"], downloads)
        _run(["apt-get", *options, "download", *packages], downloads)


def _private_lists(folder: Path) -> list[str]:
    """Return apt options that keep package lists and caches below ``folder``."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    # The sandbox user of apt cannot enter a private folder; without root apt ignores the option.
    return [
        "-o", f"Dir::State={folder / 'state'}",
        "-o", f"Dir::Cache={folder / 'cache'}",
        "-o", "Dir::State::status=/var/lib/dpkg/status",
        "-o", "APT::Sandbox::User=root",
    ]  # fmt: skip


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - apt-get and dpkg with fixed arguments
            command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise AptError(f"{' '.join(command)}: no end after {_TIMEOUT:g} s") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise AptError(f"{' '.join(command)}: {lines[-1] if lines else f'code {done.returncode}'}")
