"""Start processors and controllers by the thousand: one process that has imported everything, and forks."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
PROCESSOR = ("otel_clinical.cli.processor", "otel_clinical.drift.runtime")
CONTROLLER = ("otel_clinical.cli.rollback", "otel_clinical.rollback.service", "uvicorn.protocols.http.h11_impl")
_STARTED = 60.0


class Nursery:
    """A process that forks command lines; a context manager that ends it.

    A fork has memory, files and threads of its own, as a process that was started afresh has, and dies of SIGKILL
    as one. It only saves the second that the imports cost.

    Args:
        modules: What every child needs.
    """

    def __init__(self, *modules: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "soak._nursery", *(modules or PROCESSOR)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self._lock = threading.Lock()

    def fork(self, words: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> Born:
        """Run ``otel-clinical WORDS`` in a new process and return at once."""
        pid = self._ask({"words": list(words), "environment": dict(environment), "out": str(out), "err": str(err)})
        return Born(self, int(pid))

    def poll(self, pid: int) -> int | None:
        """Return the exit code of a process, negative for a signal; None while it runs."""
        found = self._ask({"pid": pid})
        return None if found is None else int(found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(_STARTED)
        self._process.stdout.close()

    def _ask(self, question: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            return json.loads(self._process.stdout.readline())


class Born:
    """One forked process, with the part of `subprocess.Popen` that a harness needs."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery = nursery
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None."""
        if self.returncode is None:
            self.returncode = self._nursery.poll(self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for the end and return the exit code."""
        from otel_clinical.simulate._waiting import wait_until  # noqa: PLC0415 -- not in the nursery itself

        wait_until(lambda: self.poll() is not None, within=timeout, what=f"process {self.pid} to end", every=0.005)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it without warning."""
        self.send_signal(signal.SIGKILL)


def _main() -> None:
    """Answer questions from standard input until it is closed."""
    from otel_clinical.cli._frame import run  # noqa: PLC0415 -- only the nursery itself runs commands

    for module in sys.argv[1:]:
        importlib.import_module(module)
    ended: dict[int, int] = {}
    for line in sys.stdin:
        question = json.loads(line)
        if "pid" in question:
            if question["pid"] not in ended:  # several threads may ask about one, and the system answers once
                pid, status = os.waitpid(question["pid"], os.WNOHANG)
                if pid:
                    ended[pid] = os.waitstatus_to_exitcode(status)
            print(json.dumps(ended.get(question["pid"])), flush=True)
            continue
        child = os.fork()
        ended.pop(child, None)
        if child:
            print(child, flush=True)
        else:
            _redirect(question["out"], question["err"])
            os.environ.update(question["environment"])
            os._exit(run(question["words"]))


def _redirect(out: str, err: str) -> None:
    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        end = os.O_TRUNC if number == 1 else os.O_APPEND
        opened = os.open(path, mode | (os.O_CREAT | end if number else 0), 0o600)
        os.dup2(opened, number)
        os.close(opened)


if __name__ == "__main__":
    _main()
