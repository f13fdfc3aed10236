"""Requests that are sent with a pause between the steps of one, so that an inference gets the interpreter in between.

What requests and urllib3 do for one request takes a millisecond and more where the processor's caches hold other work.
"""

from __future__ import annotations

import os
from http.client import HTTPResponse
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from otel_clinical.instrument._slices import pause

_CREDENTIALS: Final = "OTEL_PYTHON_EXPORTER_OTLP_HTTP{}_CREDENTIAL_PROVIDER"


def session_of(signal: str) -> requests.Session | None:
    """Return a session for the requests of TRACES, METRICS or LOGS; None where the environment brings its own."""
    if any(os.environ.get(_CREDENTIALS.format(name)) for name in (f"_{signal}", "")):
        return None
    return PausingSession()


class PausingSession(requests.Session):
    """Send requests as the stock session does, in short steps."""

    def __init__(self) -> None:
        super().__init__()
        self.connect_anew()

    def connect_anew(self) -> None:
        """Forget every connection, and open none that does not pause."""
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter())

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request."""
        pause()
        return super().prepare_request(request)

    def merge_environment_settings(self, *given: Any, **named: Any) -> Any:
        """Take proxies and certificates from the environment."""
        pause()
        return super().merge_environment_settings(*given, **named)

    def get_adapter(self, *given: Any, **named: Any) -> Any:
        """Return what sends to an address."""
        pause()
        return super().get_adapter(*given, **named)


class _Steps:
    """The steps of a connection; before a proxy, requests makes stock ones."""

    def putrequest(self, *given: Any, **named: Any) -> None:
        pause()
        above: Any = super()
        above.putrequest(*given, **named)

    def endheaders(self, *given: Any, **named: Any) -> None:
        pause()
        above: Any = super()
        above.endheaders(*given, **named)

    def getresponse(self, *given: Any, **named: Any) -> Any:
        pause()
        above: Any = super()
        return above.getresponse(*given, **named)


class _Answer(HTTPResponse):
    def begin(self) -> None:
        super().begin()
        pause()


class _Plain(_Steps, HTTPConnection):
    response_class = _Answer


class _Encrypted(_Steps, HTTPSConnection):
    response_class = _Answer


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _EncryptedPool(HTTPSConnectionPool):
    ConnectionCls = _Encrypted


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _EncryptedPool}

    def get_connection_with_tls_context(self, *given: Any, **named: Any) -> Any:
        pause()
        return super().get_connection_with_tls_context(*given, **named)

    def add_headers(self, *given: Any, **named: Any) -> None:
        pause()
        super().add_headers(*given, **named)

    def build_response(self, *given: Any, **named: Any) -> requests.Response:
        pause()
        answer = super().build_response(*given, **named)
        pause()
        return answer
