"""The certificate a processor shows, checked before anything listens."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from otel_clinical.drift.runtime._auth import AccessError


@dataclass(frozen=True)
class Certificate:
    """A certificate chain and its key, both PEM, for every listener. A new one takes effect at a restart.

    Raises:
        AccessError: A file cannot be read, or the two do not belong together.
    """

    chain: Path
    key: Path

    def __post_init__(self) -> None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.chain, self.key, password="")
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
            raise AccessError(f"{self.chain} with {self.key}: not a usable certificate and key ({why})") from error
