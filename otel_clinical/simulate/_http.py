"""Talk to the local servers of a stack over HTTP."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

_TIMEOUT = httpx.Timeout(5.0, connect=2.0)


def client(**options: Any) -> httpx.Client:
    """Return a client that goes straight to loopback, whatever proxies the environment declares."""
    # An empty TLS context, because loading certificate authorities costs more than a plain-text request.
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.Client(timeout=_TIMEOUT, trust_env=False, verify=tls, **options)


def reachable(url: str) -> bool:
    """Tell whether ``url`` answers with a 2xx status now."""
    with client() as http:
        try:
            return http.get(url).is_success
        except httpx.TransportError:
            return False
