"""A real processor, or a stock receiver, in a process on one core, and what it has used."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_START_SECONDS: Final = 120.0
_TICK: Final = os.sysconf("SC_CLK_TCK")
_LOOK_SECONDS: Final = 0.1
_IDLE: Final = 0.1  # share of its core below which it does nothing
_MIB: Final = 1024.0  # of the kibibytes in /proc


def cores() -> tuple[int, int]:
    """Return (core of the processor, core of everything else); the same one where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[-1], allowed[0]


class ReceiverProcess:
    """A running receiver of OTLP/HTTP; a context manager that stops it.

    Args:
        words: What Python runs; its first line of output is a JSON object with the address under `http`.
        folder: Keeps what it complains of.
        core: The only core it may use.
    """

    def __init__(self, words: Sequence[str], folder: Path, core: int) -> None:
        started = time.monotonic()
        self._errors = (folder / "stderr").open("ab")
        self._process = subprocess.Popen(  # noqa: S603 -- ours
            [sys.executable, "-m", *words],
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        os.sched_setaffinity(self._process.pid, {core})
        self._where = self._ready()
        self.seconds_to_ready = time.monotonic() - started

    @property
    def address(self) -> str:
        """Host and port of OTLP/HTTP."""
        return self._where["http"]

    def cpu(self) -> float:
        """Return the processor time of all its threads so far, in seconds."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def settle(self) -> None:
        """Wait until it does nothing: what is acknowledged is applied."""
        before = -1.0
        while self.cpu() - before > _IDLE * _LOOK_SECONDS:
            before = self.cpu()
            time.sleep(_LOOK_SECONDS)

    def peak(self) -> float:
        """Return the largest resident size so far, in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) / _MIB for line in status.splitlines() if line.startswith("VmHWM"))

    def stop(self) -> None:
        """Ask it to stop, and wait."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_START_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill() if kind else self.stop()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    def _ready(self) -> dict[str, str]:
        if self._process.stdout is None:
            raise RuntimeError("the processor has no output to read its addresses from")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the processor ended before it was ready; see {self._errors.name}")
        found: dict[str, str] = json.loads(line)
        return found


class ProcessorProcess(ReceiverProcess):
    """A running processor.

    Args:
        policy: Policy file.
        state: State directory.
        core: The only core it may use.
    """

    def __init__(self, policy: Path, state: Path, core: int) -> None:
        places = [word for name in ("http", "grpc", "metrics") for word in (f"--{name}", "127.0.0.1:0")]
        command = ["otel_clinical.cli", "processor", "run", "--policy", str(policy), "--state", str(state), *places]
        super().__init__(command, state.parent, core)

    def scrape(self) -> tuple[float, int]:
        """Return (seconds from asking to the last byte, series) of one scrape."""
        seconds, page = self._page()
        return seconds, sum(not line.startswith(b"#") for line in page.splitlines())

    def events(self) -> float:
        """Return the events counted so far."""
        lines = self._page()[1].decode().splitlines()
        counted = (line for line in lines if line.startswith("clinical_ai_processor_events_total{"))
        return sum(float(line.rpartition(" ")[2]) for line in counted)

    def _page(self) -> tuple[float, bytes]:
        """Return (seconds from asking to the last byte, the page of its metrics)."""
        connection = http.client.HTTPConnection(self._where["metrics"], timeout=60)
        try:
            started = time.perf_counter()
            connection.request("GET", "/metrics")
            page = connection.getresponse().read()
            return time.perf_counter() - started, page
        finally:
            connection.close()
