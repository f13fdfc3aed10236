"""Become another program that dies with the process that started it.

Run as ``python -I -S _tether.py PARENT PROGRAM [ARGUMENT ...]``. On Linux the kernel then kills the program
when its parent ends in whatever way, kill -9 included (prctl PR_SET_PDEATHSIG, which survives execve).
Elsewhere the program is started as it is. It is a separate program, because code between fork and exec is
unsafe in a parent that has threads. The parent is the thread that starts it, so start from one that lives on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to ``arguments[0]`` (a process id) and become ``arguments[1:]``."""
    parent, program = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # The parent may have died before the call above: then nobody would ever send the signal.
        if os.getppid() != parent:
            sys.exit(1)
    try:
        os.execvp(program[0], program)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"{program[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
