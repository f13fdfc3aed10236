"""Run the golden set on the version that would be gone back to, before anybody needs it."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback.ledger import Release, candidate
from otel_clinical.rollback.orders import Order, OrderKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_clinical.rollback.ledger import KnownGoodRules
    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.telemetry import Snapshot
    from otel_clinical.rollback.terms import Terms

_log = logging.getLogger(__name__)
_LOOK_EVERY: Final = 1.0
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


class SmokeRunner:
    """A thread beside the worker: a program that hangs must not keep a rollback waiting.

    Args:
        terms: By model.
        store: Where results are left for the worker.
        snapshot: What the worker knows.
        clock: Unix seconds.
    """

    def __init__(
        self, terms: Mapping[str, Terms], store: Store, snapshot: Callable[[], Snapshot], clock: Callable[[], float]
    ) -> None:
        self._terms, self._store, self._snapshot, self._clock = terms, store, snapshot, clock
        self._ran: dict[tuple[str, str], float] = {}
        self._stopping = threading.Event()

    def run(self) -> None:
        """Look what is due until `stop` is called."""
        if not any(term.known_good.smoke_command for term in self._terms.values()):
            return
        while not self._stopping.wait(_LOOK_EVERY):
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 -- the next look may find what this one did not
                _log.error("golden set could not be run: %s", type(error).__name__)

    def stop(self) -> None:
        """End `run`; a program under way is ended by its time limit or with the process."""
        self._stopping.set()

    def turn(self) -> None:
        """Run the golden set of every model for which it is due."""
        seen = self._snapshot()
        for model, term in self._terms.items():
            pointer, rules = seen.pointers.get(model), term.known_good
            if pointer is None or not rules.smoke_command:
                continue
            version = candidate(seen.states[model], pointer)
            release = seen.states[model].releases.get(version or "")
            if release is None:
                continue
            last = max(release.smoke_at or 0.0, self._ran.get((model, release.version), 0.0))
            if self._clock() - last >= rules.smoke_every:
                self._ran[model, release.version] = self._clock()
                self._test(model, release, rules)

    def _test(self, model: str, release: Release, rules: KnownGoodRules) -> None:
        begun = time.monotonic()
        problem = artifact_problem(release) or run_golden_set(model, release.version, rules)
        facts = {"problem": problem, "seconds": f"{time.monotonic() - begun:.3f}"}
        order = Order(OrderKind.SMOKE, model, "controller", "golden set", self._clock(), release.version, facts=facts)
        self._store.order(order)


def artifact_problem(release: Release) -> str:
    """Say what is wrong with the file of a version, or return an empty string."""
    if not release.artifact:
        return ""
    try:
        with Path(release.artifact).open("rb") as file:
            found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"its artifact cannot be read ({type(error).__name__})"
    return "" if found == release.digest else "its artifact is not the registered one"


def run_golden_set(model: str, version: str, rules: KnownGoodRules) -> str:
    """Run the program for a version and say what went wrong, or return an empty string.

    Nothing of its output is kept: a golden set is made of cases.
    """
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"OTEL_CLINICAL_MODEL": model, "OTEL_CLINICAL_VERSION": version}
    try:
        done = subprocess.run(  # noqa: S603 -- the policy's own command, no shell
            [*rules.smoke_command, version],
            env=environment,
            timeout=rules.smoke_timeout,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {rules.smoke_timeout:g} s"
    except OSError as error:
        return f"could not be started ({type(error).__name__})"
    return "" if done.returncode == 0 else f"exit code {done.returncode}"
