"""Where a listener may listen, and when it must ask for a token."""

import ipaddress
import socket
from dataclasses import dataclass

from otel_clinical.access._error import AccessError


@dataclass(frozen=True)
class Address:
    """A host and a TCP port to listen on; port 0 lets the system choose.

    >>> Address.parse("127.0.0.1:4318")
    Address(host='127.0.0.1', port=4318)
    >>> str(Address.parse("[::1]:0"))
    '[::1]:0'
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, option: str = "") -> "Address":
        """Read ``HOST:PORT``; an IPv6 host stands in brackets. An error names the option that said it.

        Raises:
            AccessError: Not of that form, or a port outside 0-65535.
        """
        host, colon, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        if not (colon and bare and port.isascii() and port.isdigit() and int(port) <= 65535):  # noqa: PLR2004
            said = f"{option} is {text!r}," if option else f"{text!r}:"
            raise AccessError(f"{said} expected HOST:PORT with a port of 0-65535, as in 127.0.0.1:4318")
        return cls(bare, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def is_loopback(self) -> bool:
        """Say whether every address the host stands for is reachable from this machine only."""
        try:
            found = socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)
        except OSError:
            return False
        return all(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_loopback for entry in found)


def require_token_off_loopback(address: Address, *, has_token: bool, insecure: bool) -> None:
    """Refuse an address that other machines can reach when nobody has to show a token.

    Raises:
        AccessError: Not loopback, no token file, and not asked for by name.
    """
    if has_token or insecure or address.is_loopback():
        return
    raise AccessError(
        f"{address}: other machines can reach this address and no token is required; "
        "give --token-file FILE, listen on 127.0.0.1, or say --insecure"
    )


def require_tls_off_loopback(address: Address, *, has_tls: bool, insecure: bool) -> None:
    """Refuse an address that other machines can reach where tokens and data would cross the network in the clear.

    Raises:
        AccessError: Not loopback, no certificate, and not asked for by name.
    """
    if has_tls or insecure or address.is_loopback():
        return
    raise AccessError(
        f"{address}: other machines can reach this address, and without TLS tokens cross the network in "
        "the clear; give --tls-cert and --tls-key, listen on 127.0.0.1 behind a proxy that adds TLS, or say --insecure"
    )
