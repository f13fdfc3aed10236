"""Switch a version with a program of the hospital's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback.targets._answer import read_active, read_convergence
from otel_clinical.rollback.targets._base import Unreachable
from otel_clinical.rollback.targets._follow import Active, Conflicted, Convergence, Denied, Swapped

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE: Final = 0
CONFLICT: Final = 3
DENIED: Final = 4
LONGEST_ANSWER: Final = 65_536


class Command:
    """A program that is called with `read` or `swap` as last argument.

    `read` prints `{"version": …, "token": …, "marker": …}`, with `ready` and `total` if it counts instances. `swap` is
    given `{"version": …, "marker": …, "expect": …}` on its standard input, must itself compare `expect` with the
    token, and ends with 0 (done; prints as `read` does), 3 (the token is another one) or 4 (not allowed).

    Args:
        argv: Program and arguments. There is no shell: nothing in them is expanded.
        environment: Names of the variables that the program may see, beside `PATH`.
        timeout: Seconds after which it is killed with all that it started.
    """

    compares = True
    rehearses = False

    def __init__(self, argv: Sequence[str], *, environment: Sequence[str] = (), timeout: float = 10.0) -> None:
        self._argv = tuple(argv)
        self._environment = ("PATH", *environment)
        self._timeout = timeout

    def read(self) -> Active:
        """Run `read`."""
        return read_active(self._read(), of=self._argv[0])

    def swap(self, expect: Active, version: str, marker: str) -> Swapped | Conflicted | Denied:
        """Run `swap`."""
        asked = json.dumps({"version": version, "marker": marker, "expect": expect.token})
        code, said = self._run("swap", asked.encode())
        if code == CONFLICT:
            return Conflicted(self.read())
        if code == DENIED:
            return Denied(f"{self._argv[0]} swap ended with {DENIED}: it is not allowed to change the version")
        if code != DONE:
            raise Unreachable(f"{self._argv[0]} swap ended with {code}, expected {DONE}, {CONFLICT} or {DENIED}")
        seen = read_active(said, of=self._argv[0])
        if (seen.version, seen.marker) != (version, marker):
            raise Unreachable(f"{self._argv[0]} swapped to {version} but says that {seen.version} serves")
        return Swapped(seen)

    def converged(self, version: str) -> Convergence:
        """Return what `read` counts."""
        return read_convergence(self._read(), version, of=self._argv[0])

    def preflight(self, version: str) -> tuple[str, ...]:
        """Return why the program cannot be used."""
        del version
        try:
            self.read()
        except Unreachable as error:
            return (str(error),)
        return ()

    def _read(self) -> bytes:
        code, said = self._run("read", b"")
        if code != DONE:
            raise Unreachable(
                f"{self._argv[0]} read ended with {code}, expected {DONE}; run it by hand to see what it says"
            )
        return said

    def _run(self, verb: str, given: bytes) -> tuple[int, bytes]:
        seen = {name: os.environ[name] for name in self._environment if name in os.environ}
        try:
            process = subprocess.Popen(  # noqa: S603 -- no shell; the policy names the program
                [*self._argv, verb],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # may say anything, so it is nowhere shown
                env=seen,
                start_new_session=True,
            )
        except OSError as error:
            raise Unreachable(f"{self._argv[0]} cannot be started ({error.strerror})") from error
        with process:
            try:
                said, _ = process.communicate(given, self._timeout)
            except subprocess.TimeoutExpired:
                _kill(process)
                raise Unreachable(f"{self._argv[0]} {verb} did not end within {self._timeout:g} s") from None
        if len(said) > LONGEST_ANSWER:
            raise Unreachable(f"{self._argv[0]} {verb} printed more than {LONGEST_ANSWER} bytes")
        return process.returncode, said


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the program and what it started, then reap it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
