"""Give a forked child counters, locks and connections of its own.

The SDK restarts threads after a fork, but the child inherits sums, locks and sockets as they were: 5 calls before a
fork, 10 more in the parent and 1 in the child are exported as 15 and 6, and a lock that another thread held at that
moment stays locked for good.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

import requests
from requests.adapters import HTTPAdapter

from otel_clinical.sdk._http_session import PausingSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.metrics import MeterProvider

_log = logging.getLogger(__name__)

UWSGI_OPTIONS: Final = ("py-call-uwsgi-fork-hooks", "py-call-osafterfork")
"""Either makes uWSGI run what Python does after a fork."""


def renew_after_fork(owner: Any, renew: Callable[[Any], object]) -> None:
    """Call `renew(owner)` in every forked child for as long as `owner` exists; `renew` must not refer to it."""
    weak = weakref.ref(owner)

    def in_child() -> None:
        found = weak()
        if found is not None:
            renew(found)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)


def count_from_zero(provider: MeterProvider) -> None:
    """Forget every sum that a meter provider holds, and every lock; instruments stay valid.

    The SDK offers no public way, so this replaces what its constructors made. Where the SDK is built differently,
    everything stays as it is and a warning says so.
    """
    try:
        _replace_storages(provider)
    except Exception as error:  # noqa: BLE001 -- whatever the SDK has become, the child must live
        _log.warning(
            "the counters of this forked process include those of its parent (%s): update otel-clinical, or call "
            "configure after the fork",
            type(error).__qualname__,
        )


def fresh_connections(exporter: Any) -> None:
    """Leave inherited sockets to the parent: two processes on one connection read each other's answers."""
    holder = exporter
    for name in ("_client", "_transport"):  # where releases of the SDK have put it
        holder = getattr(holder, name, holder)
    session = getattr(holder, "_session", None)
    if isinstance(session, PausingSession):
        session.connect_anew()
    elif isinstance(session, requests.Session):
        session.mount("https://", HTTPAdapter())
        session.mount("http://", HTTPAdapter())


def say_when_forks_go_unseen() -> None:
    """Warn in a uWSGI server that is about to fork without telling Python."""
    uwsgi: Any = sys.modules.get("uwsgi")  # exists inside uWSGI only
    if uwsgi is None or uwsgi.worker_id() or not (uwsgi.masterpid() or uwsgi.numproc > 1):
        return
    given = {key.decode() if isinstance(key, bytes) else key for key in uwsgi.opt}
    if given.isdisjoint((*UWSGI_OPTIONS, *_LAZY)):
        _log.warning(
            "uWSGI forks without telling Python, and its workers will export nothing: set %s = true", UWSGI_OPTIONS[0]
        )


_LAZY: Final = ("lazy-apps", "lazy")


def _replace_storages(provider: Any) -> None:
    consumer = provider._measurement_consumer  # noqa: SLF001 -- see count_from_zero
    readers = list(consumer._reader_storages)  # noqa: SLF001 -- see count_from_zero
    fresh = type(consumer)(sdk_config=provider._sdk_config, metric_readers=readers)  # noqa: SLF001 -- the same
    _replace(consumer, "_lock", fresh._lock)  # noqa: SLF001 -- see count_from_zero
    _replace(consumer, "_reader_storages", fresh._reader_storages)  # noqa: SLF001 -- see count_from_zero
    for meter in provider._meters.values():  # noqa: SLF001 -- see count_from_zero
        _replace(meter, "_instrument_registration_lock", threading.Lock())
    for reader in readers:
        if hasattr(reader, "_export_lock"):
            reader._export_lock = threading.Lock()  # noqa: SLF001 -- held by the parent's thread during an export


def _replace(owner: Any, name: str, value: object) -> None:
    """Replace an attribute that exists."""
    getattr(owner, name)
    setattr(owner, name, value)
