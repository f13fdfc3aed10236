"""A controller that is forked from a process that has imported everything, which saves the second that costs."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import Controller

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.simulate.stack import ManagedProcess
    from soak._nursery import Born, Nursery

_LONG = 60.0


class _Forked:
    """What a test needs of `ManagedProcess`, of a fork."""

    def __init__(self, nursery: Nursery, words: list[str], environment: dict[str, str], log: Path) -> None:
        self._nursery, self._words, self._environment, self.log = nursery, words, environment, log
        self._born: Born | None = None
        self._out = log.with_suffix(".out")

    def start(self) -> None:
        self._out.write_bytes(b"")
        self._born = self._nursery.fork(self._words, self._environment, self._out, self.log)

    def wait_ready(self) -> None:
        wait_until(lambda: self._out.read_bytes().endswith(b"\n") or not self.running, within=_LONG, what="a start")

    @property
    def running(self) -> bool:
        return self._born is not None and self._born.poll() is None

    @property
    def code(self) -> int | None:
        return None if self._born is None else self._born.poll()

    def log_tail(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self._born is not None:
            self._born.send_signal(number)
            self._born.wait(_LONG)


class ForkedController(Controller):
    """As `Controller`; every start is a fork of `nursery`."""

    def __init__(self, nursery: Nursery, folder: Path, prometheus: str, *options: str, ledger: bool = True) -> None:
        self._nursery = nursery
        super().__init__(folder, prometheus, options or ("--pull=3600", "--retry=0.1", "--watch=0.1"), ledger=ledger)
        (folder / "tokens").chmod(0o600)

    def _process(self, **environment: str) -> ManagedProcess:
        words = [*super()._process().command][3:]
        found: ManagedProcess = _Forked(  # type: ignore[assignment]
            self._nursery, words, {"OTEL_CLINICAL_FAULT": "", **environment}, self.folder / "controller.log"
        )
        return found
