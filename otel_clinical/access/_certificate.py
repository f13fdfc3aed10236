"""The certificate a listener shows and the authority its clients must know, checked before anything listens."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from otel_clinical.access._error import AccessError


@dataclass(frozen=True)
class Certificate:
    """A certificate chain and its key, both PEM, for every listener. A new one takes effect at a restart.

    Attributes:
        chain: The server's certificate and those that vouch for it.
        key: The private key, without a passphrase.
        clients: The authority that must have signed the certificate of a client; None asks clients for none.

    Raises:
        AccessError: A file cannot be read, or chain and key do not belong together.
    """

    chain: Path
    key: Path
    clients: Path | None = None

    def __post_init__(self) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.chain, self.key, password="")
        except (OSError, ValueError) as error:
            problem = f"{self.chain} with {self.key}: not a usable certificate and key ({_why(error)})"
            raise AccessError(problem) from error
        if self.clients is None:
            return
        try:
            context.load_verify_locations(self.clients)
        except (OSError, ValueError) as error:
            raise AccessError(f"{self.clients}: not the certificate of an authority ({_why(error)})") from error


def _why(error: OSError | ValueError) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
