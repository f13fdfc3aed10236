"""Who may talk to a listener: addresses, bearer tokens and certificates, checked before anything listens."""

from otel_clinical.access._address import Address, require_tls_off_loopback, require_token_off_loopback
from otel_clinical.access._certificate import Certificate
from otel_clinical.access._error import AccessError
from otel_clinical.access._tokens import TokenFile

__all__ = [
    "AccessError",
    "Address",
    "Certificate",
    "TokenFile",
    "require_tls_off_loopback",
    "require_token_off_loopback",
]
