"""Post alerts to an Alertmanager, and end them there."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_clinical.access import TokenFile
    from otel_clinical.rollback.notify._alerts import Told

HOLDS: Final = 180.0
"""Seconds after which an alert that is not posted again ends: a controller that dies does not page for ever."""


class AlertmanagerUnavailableError(RuntimeError):
    """Alertmanager did not take the alerts."""


class Alertmanager:
    """An Alertmanager that takes alerts at `/api/v2/alerts`.

    Args:
        url: Base URL.
        tokens: File with a bearer token for it, where it asks for one.
        timeout: Seconds.
    """

    def __init__(self, url: str, tokens: TokenFile | None = None, *, timeout: float = 10.0) -> None:
        verify = True if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=verify)
        self._tokens = tokens

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def post(self, firing: Iterable[Told], ended: Iterable[Told], now: float) -> None:
        """Post what fires and end what does not any more; raises `AlertmanagerUnavailableError`."""
        body = [_alert(told, now + HOLDS) for told in firing] + [_alert(told, now - 1.0) for told in ended]
        if not body:
            return
        headers = {} if self._tokens is None else {"authorization": f"Bearer {self._tokens.first()}"}
        try:
            self._client.post("/api/v2/alerts", json=body, headers=headers).raise_for_status()
        except httpx.HTTPError as error:
            raise AlertmanagerUnavailableError(type(error).__name__) from None


def _alert(told: Told, ends: float) -> dict[str, object]:
    at = datetime.fromtimestamp(ends, UTC).isoformat().replace("+00:00", "Z")
    return {"labels": dict(told.labels), "annotations": dict(told.annotations), "endsAt": at}
