"""Find Prometheus and Alertmanager: on PATH, in the cache, or in Debian packages unpacked into the cache."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from otel_clinical.simulate._apt import AptError, unpack_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

# Debian gives the Alertmanager a longer name, because the short one is too general for a whole distribution.
_NAMES = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
    "amtool": ("amtool",),
}
_PACKAGES = ("prometheus", "prometheus-alertmanager")


class BinaryNotFoundError(RuntimeError):
    """A program is not to be had; the message says why, and what to install."""


def binary(name: str) -> Path:
    """Return the path of ``prometheus``, ``promtool``, ``alertmanager`` or ``amtool``.

    The first call on a Debian machine without them downloads two packages (30 MB) into the cache
    (``${XDG_CACHE_HOME:-~/.cache}/otel-clinical/debian``); nothing is installed and no root is needed.

    Raises:
        KeyError: Another name.
        BinaryNotFoundError: It cannot be had; the message says what to install.
    """
    names = _NAMES[name]
    tree = _cache() / "debian" / "tree"
    return _on_path(names) or _in_tree(names, tree) or _unpacked(names, tree)


def working_directory(program: Path) -> Path | None:
    """Return the folder in which ``program`` must run to find its files; None = any."""
    tree = _cache() / "debian" / "tree"
    return tree if program.is_relative_to(tree) else None


def _cache() -> Path:
    """Return the folder in which this project keeps what can be fetched again."""
    base = os.environ.get("XDG_CACHE_HOME")
    # The specification of XDG_CACHE_HOME tells to ignore a relative path.
    folder = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return folder / "otel-clinical"


def _on_path(names: tuple[str, ...]) -> Path | None:
    found = next(filter(None, map(shutil.which, names)), None)
    return Path(found).absolute() if found else None


def _in_tree(names: tuple[str, ...], tree: Path) -> Path | None:
    candidates = (tree / "usr" / "bin" / name for name in names)
    return next((path for path in candidates if os.access(path, os.X_OK)), None)


def _unpacked(names: tuple[str, ...], tree: Path) -> Path:
    """Unpack the Debian packages into ``tree``, once for all processes that ask at the same time."""
    try:
        tree.parent.mkdir(parents=True, exist_ok=True)
        with _locked(tree.parent / ".lock"):
            if not tree.exists():
                with tempfile.TemporaryDirectory(prefix=".new-", dir=tree.parent) as scratch:
                    unpacked = unpack_packages(_PACKAGES, Path(scratch))
                    _make_relocatable(unpacked)
                    unpacked.rename(tree)
    except (AptError, OSError) as error:
        raise BinaryNotFoundError(_advice(names[0], str(error))) from None
    found = _in_tree(names, tree)
    if found is None:
        raise BinaryNotFoundError(_advice(names[0], f"the packages unpacked in {tree} do not hold it"))
    return found


def _make_relocatable(tree: Path) -> None:
    """Let the Alertmanager find its templates below its working directory instead of below the root.

    Debian's build cannot start without ``/usr/share/prometheus/alertmanager/default.tmpl`` and has no option
    for that path. Moving its first slash to the end keeps the length, which is what a Go program relies on.
    """
    program = tree / "usr" / "bin" / "prometheus-alertmanager"
    compiled_in = b"/usr/share/prometheus/alertmanager"
    program.write_bytes(program.read_bytes().replace(compiled_in, compiled_in[1:] + b"/"))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``path``; the kernel frees it when the process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _advice(name: str, reason: str) -> str:
    return (
        f"{name} is not on PATH and could not be unpacked from Debian packages: {reason}.\n"
        "Install Prometheus 2.42 or newer and Alertmanager 0.25 or newer, so that prometheus, promtool, "
        "alertmanager and amtool are on PATH.\n"
        "On Debian or Ubuntu: sudo apt-get install prometheus prometheus-alertmanager\n"
        "Elsewhere: unpack the release archives of both projects and add their folders to PATH."
    )
