"""Receivers for the canary suite, over both protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_clinical.instrument import _receipt_keys
from tests._receivers import GrpcReceiver, HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = {"http": HttpReceiver, "grpc": GrpcReceiver}


@pytest.fixture
def http_receiver() -> Iterator[HttpReceiver]:
    found = HttpReceiver()
    yield found
    found.close()


@pytest.fixture
def grpc_receiver() -> Iterator[GrpcReceiver]:
    found = GrpcReceiver()
    yield found
    found.close()


@pytest.fixture(autouse=True)
def receipts_as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts without receipt keys."""
    monkeypatch.delenv(_receipt_keys.ENVIRONMENT, raising=False)
    monkeypatch.setattr(_receipt_keys, "_current", None)
