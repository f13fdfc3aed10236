"""Sockets that are bound before anything else happens, so that a taken port is one clear sentence."""

import socket

from otel_clinical.access import Address


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
        raise ListenError(f"{address}: cannot be listened on ({error.strerror})") from error
    return bound


def port_of(bound: socket.socket) -> int:
    """Return the port a bound socket really has."""
    return int(bound.getsockname()[1])
