"""Find TCP ports that are free on the loopback interface."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from pathlib import Path

_LOWEST = 10_240
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count: int) -> list[int]:
    """Return ``count`` different loopback ports on which a server can listen now.

    The ports lie below the range from which the kernel serves outgoing connections: a port that is closed for
    a restart of its process and opened again cannot be taken by a client in between. Another server still can
    take it, so whoever starts a process on it is ready to try again with other ports.

    Raises:
        OSError: No ``count`` ports were free.
    """
    with ExitStack() as held:
        ports: list[int] = []
        for port in random.SystemRandom().sample(range(_LOWEST, _highest()), k=200 + 10 * count):
            if len(ports) == count:
                break
            if _hold(port, held):
                ports.append(port)
    if len(ports) < count:
        raise OSError(f"found {len(ports)} free loopback ports, wanted {count}")
    return ports


def _highest() -> int:
    """Return the lowest port the kernel gives to outgoing connections."""
    try:
        return max(int(_EPHEMERAL.read_text().split()[0]), _LOWEST + 10_000)
    except (OSError, ValueError, IndexError):
        return 32_768


def _hold(port: int, held: ExitStack) -> bool:
    """Bind ``port`` until ``held`` closes; tell whether that was possible."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # The servers set it too: a port whose last connection is in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
    except OSError:
        probe.close()
        return False
    held.enter_context(probe)
    return True
