"""Tell systemd what the processor is doing: the notification protocol, over its socket and without a library."""

import os
import socket
from collections.abc import Mapping

_SOCKET, _WATCHDOG, _PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


class Supervisor:
    """Whoever started this process and waits for word of it; nobody, if the environment names no socket.

    Args:
        environment: Usually `os.environ`.

    Attributes:
        interval: Seconds between signs of life: half of what the watchdog allows; None without a watchdog.

    References:
        sd_notify(3), sd_watchdog_enabled(3).
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        name = environment.get(_SOCKET, "")
        # A leading @ stands for the zero byte of Linux' abstract names; any other form is not ours to understand.
        self._address = "\0" + name[1:] if name.startswith("@") else name if name.startswith("/") else ""
        self.interval = _interval(environment) if self._address else None

    def ready(self) -> None:
        """Say that requests are accepted."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Say that what is under way is being finished."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Give a sign of life to the watchdog."""
        self._send("WATCHDOG=1")

    def _send(self, state: str) -> None:
        """Send one datagram; a supervisor that does not listen is no reason to stop serving."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.sendto(state.encode(), socket.MSG_DONTWAIT, self._address)
        except OSError:
            return


def _interval(environment: Mapping[str, str]) -> float | None:
    given = environment.get(_WATCHDOG, "")
    if not given.isdecimal() or not int(given) or environment.get(_PID, str(os.getpid())) != str(os.getpid()):
        return None
    return int(given) / 2e6
