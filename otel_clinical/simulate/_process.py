"""Start real programs, each in its own process group, and leave none behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from otel_clinical.simulate._http import reachable
from otel_clinical.simulate._waiting import DeadlineError, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TETHER = Path(__file__).with_name("_tether.py")
_LOG_TAIL = 2_000


class ProcessError(RuntimeError):
    """A program ended, or did not become ready; the message ends with the tail of its log."""


@dataclass(slots=True)
class ManagedProcess:
    """One program: how it is started, where it logs, and how to see that it is ready.

    Args:
        name: Words for errors, and the name of the log file.
        command: Program and arguments.
        log: Where standard output and error go, appended.
        ready_url: Answers 200 when the program is ready; None = ready as soon as it runs.
        url: Base address for its clients, or an empty string.
        environment: Added to the environment of this process.
        folder: Working directory; None = that of this process.
    """

    name: str
    command: Sequence[str]
    log: Path
    ready_url: str | None = None
    url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    _popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id; the process group has the same number."""
        if self._popen is None:
            raise ProcessError(f"{self.name} was not started")
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Tell whether the program was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> None:
        """Start the program; return before it is ready."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        tether = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *self.command]
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(  # noqa: S603 - fixed programs of the demonstration
                tether,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.environment},
                cwd=self.folder,
                start_new_session=True,
            )

    def wait_ready(self, within: float = 30.0) -> None:
        """Return when the program answers on its ready address.

        Raises:
            ProcessError: It ended, or was not ready within ``within`` seconds.
        """
        try:
            wait_until(self._is_ready, within=within, what=f"{self.name} to be ready", every=0.1)
        except DeadlineError as error:
            raise ProcessError(f"{error}{self.log_tail()}") from None

    def stop(self, within: float = 8.0) -> None:
        """End the program and everything in its group: SIGTERM, and SIGKILL after ``within`` seconds."""
        self.ask_to_stop()
        try:
            wait_until(self._has_ended, within=within, what=f"{self.name} to end", every=0.02)
        except DeadlineError:
            pass
        finally:
            self.kill()

    def ask_to_stop(self) -> None:
        """Send SIGTERM and return at once."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the program with SIGKILL, as a power cut would."""
        self._signal(signal.SIGKILL)
        if self._popen is not None:
            self._popen.wait()

    def restart(self, within: float = 30.0) -> None:
        """Start the program again with the same arguments and wait until it is ready."""
        self.stop()
        self.start()
        self.wait_ready(within)

    def log_tail(self) -> str:
        """Return the end of the log, introduced by its path."""
        try:
            text = self.log.read_bytes()[-_LOG_TAIL:].decode(errors="replace").strip()
        except OSError:
            text = "(no log)"
        return f"\n--- {self.log} ---\n{text}"

    def _is_ready(self) -> bool:
        if not self.running:
            code = self._popen.returncode if self._popen else None
            raise ProcessError(f"{self.name} ended with code {code}{self.log_tail()}")
        return self.ready_url is None or reachable(self.ready_url)

    def _has_ended(self) -> bool:
        """Tell whether the program ended, without reaping it: until then its number is not reused."""
        if self._popen is None or self._popen.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def _signal(self, number: signal.Signals) -> None:
        """Signal the whole group, unless the program is already reaped."""
        if self._popen is None or self._popen.returncode is not None:
            return
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return


def stop_all(processes: Sequence[ManagedProcess], within: float = 8.0) -> None:
    """Ask all to stop at once, then end each within a shared deadline; the later started go first."""
    deadline = time.monotonic() + within
    for process in reversed(processes):
        process.ask_to_stop()
    for process in reversed(processes):
        process.stop(max(deadline - time.monotonic(), 0.0))
