"""TLS on all three addresses."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
from typing import TYPE_CHECKING

import grpc
import pytest
import trustme

from otel_clinical.access import Certificate
from tests.drift import _wire
from tests.drift.runtime._harness import PROTOBUF, TRACES, running

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def certificate(folder: Path, authority: trustme.CA, name: str = "server") -> Certificate:
    issued = authority.issue_cert("127.0.0.1")
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    issued.private_key_pem.write_to_path(key)
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(chain, append=number > 0)
    return Certificate(chain, key)


def test_every_address_speaks_tls_and_nothing_else(tmp_path: Path, policy_path: Path, authority: trustme.CA):
    shown = certificate(tmp_path, authority)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    body = _wire.traces([_wire.span(1, time.time())])
    with running(tmp_path, policy_path, "--tls-cert", str(shown.chain), "--tls-key", str(shown.key)) as processor:
        for listener, method, path in (("http", "POST", TRACES), ("metrics", "GET", "/metrics")):
            with contextlib.closing(
                http.client.HTTPSConnection(processor.where[listener], context=trusting)
            ) as connection:
                connection.request(method, path, body, PROTOBUF)
                assert connection.getresponse().status == 200
        with pytest.raises((OSError, http.client.HTTPException)):
            processor.post(TRACES, body)
        trusted = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        with grpc.secure_channel(processor.where["grpc"], trusted) as channel:
            service = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
            assert channel.unary_unary(service)(body, timeout=30) == b""
        assert processor.stop() == 0
