"""Call people by a second path: what the alerting path cannot say is that it is dead itself."""

from __future__ import annotations

import logging
import ssl
import threading
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

EVERY: Final = 5.0
"""Seconds between two looks."""
_log = logging.getLogger(__name__)


class Pager:
    """An address that takes events as PagerDuty's Events API v2 does: JSON with `event_action` and `dedup_key`.

    Args:
        url: The address; redirects are never followed.
        key: File with the routing key, read at each call so that it can be changed; None sends none.
        source: Who calls: what people see as the event's source.
        timeout: Seconds for an answer.
    """

    def __init__(self, url: str, key: Path | None, source: str, *, timeout: float = 10.0) -> None:
        verify = True if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx.Client(timeout=timeout, trust_env=False, verify=verify)
        self._url, self._key, self._source = url, key, source

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def call(self, about: str, text: str) -> bool:
        """Call people about something, once however often it is said; tell whether that was taken."""
        payload = {"summary": text, "source": self._source, "severity": "critical", "component": "rollback controller"}
        return self._send({"event_action": "trigger", "dedup_key": about, "payload": payload})

    def end(self, about: str) -> bool:
        """Say that it is over; tell whether that was taken."""
        return self._send({"event_action": "resolve", "dedup_key": about})

    def _send(self, event: dict[str, Any]) -> bool:
        try:
            key = {} if self._key is None else {"routing_key": self._key.read_text(encoding="utf-8").strip()}
            return self._client.post(self._url, json={**key, **event}).is_success
        except (httpx.HTTPError, OSError, UnicodeDecodeError) as error:
            _log.error("people cannot be called by the second path: %s", type(error).__name__)
            return False


class SecondPath:
    """Look every few seconds at what keeps people from being told as usual, and call them until that is taken.

    Args:
        pager: Whom to call.
        problems: What is wrong now, in words, by what it is about.
        note: Called with (action, data) for the audit; may raise where that cannot be written.
        prefix: Put before what a call is about, so that several controllers are told apart.
    """

    def __init__(
        self,
        pager: Pager,
        problems: Callable[[], Mapping[str, str]],
        note: Callable[[str, Mapping[str, Any]], None],
        prefix: str,
    ) -> None:
        self._pager, self._problems, self._note, self._prefix = pager, problems, note, prefix
        self._told: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="second-path", daemon=True)

    def start(self) -> None:
        """Begin to look, on a thread of its own."""
        self._thread.start()

    def stop(self, patience: float) -> None:
        """End, and close connections."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(patience)
        self._pager.close()

    def turn(self) -> None:
        """Look once. What is still wrong after a restart is said again under the same name, which is one call."""
        found = self._problems()
        for about, text in found.items():
            if about not in self._told and self._pager.call(self._name(about), text):
                self._told.add(about)
                self._write("second_path.called", {"about": about, "text": text, "page": True})
        for about in sorted(self._told - found.keys()):
            if self._pager.end(self._name(about)):
                self._told.remove(about)
                self._write("second_path.ended", {"about": about})

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 -- whatever happens, it must go on looking
                _log.error("the second path could not look: %s", type(error).__name__)
            self._stopping.wait(EVERY)

    def _name(self, about: str) -> str:
        return f"{self._prefix}/{about}"

    def _write(self, action: str, data: Mapping[str, Any]) -> None:
        try:
            self._note(action, data)
        except Exception as error:  # noqa: BLE001 -- people were called: that it cannot be written changes nothing
            _log.error("the audit could not be told of the second path: %s", type(error).__name__)
