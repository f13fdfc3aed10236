"""Sockets that are bound before anything else happens, so that a taken port is one clear sentence."""

import errno
import socket

from otel_clinical.access import Address

_ADVICE = {
    errno.EADDRINUSE: "stop what listens there (`ss -ltnp` names it), or choose another port",
    errno.EADDRNOTAVAIL: "choose an address of this host",
    errno.EACCES: "choose a port above 1023, or run it with the right to use lower ones",
}


class ListenError(RuntimeError):
    """The address cannot be listened on."""


def bind(address: Address) -> socket.socket:
    """Return a socket bound to `address`.

    Raises:
        ListenError: In use, not an address of this host, or a privileged port.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenError(f"{address}: is not an address of this host ({error.strerror})") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
    except OSError as error:
        bound.close()
        advice = _ADVICE.get(error.errno or 0, "choose another address")
        raise ListenError(f"{address}: cannot be listened on ({error.strerror}); {advice}") from error
    return bound


def port_of(bound: socket.socket) -> int:
    """Return the port a bound socket really has."""
    return int(bound.getsockname()[1])
