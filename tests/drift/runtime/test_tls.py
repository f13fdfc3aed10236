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
from otel_clinical.cli._frame import run
from tests.drift import _wire
from tests.drift.runtime._harness import PROTOBUF, TRACES, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.drift.runtime._harness import Processor


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
    body = _wire.traces([_wire.span(number, time.time()) for number in range(1, 401)])
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


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory, policy_path: Path, authority: trustme.CA) -> Iterator[Processor]:
    folder = tmp_path_factory.mktemp("mutual")
    shown = certificate(folder, authority)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    options = ["--tls-cert", shown.chain, "--tls-key", shown.key, "--tls-client-ca", folder / "ca.pem"]
    with running(folder / "processor", policy_path, *map(str, options)) as processor:
        yield processor


class TestClientCertificates:
    """With an authority for clients, no address answers anybody who shows no certificate of it."""

    @pytest.mark.parametrize(
        "place",
        [("http", "POST", TRACES), ("metrics", "GET", "/metrics"), ("http", "GET", "/healthz")],
    )
    def test_http(self, mutual: Processor, authority: trustme.CA, tmp_path: Path, place: tuple[str, str, str]):
        listener, method, path = place
        body = _wire.traces([_wire.span(1, time.time())]) if method == "POST" else None
        assert self.status(mutual.where[listener], method, path, body, self.client(authority, tmp_path)) == 200
        stranger = trustme.CA()
        for refused in (self.client(authority, None), self.client(authority, tmp_path, stranger)):
            with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
                self.status(mutual.where[listener], method, path, body, refused)

    def test_grpc(self, mutual: Processor, authority: trustme.CA):
        body = _wire.traces([_wire.span(1, time.time())])
        issued, strange = authority.issue_cert("client"), trustme.CA().issue_cert("client")
        assert self.call(mutual.where["grpc"], authority, body, issued) is None
        for refused in (None, strange):
            assert self.call(mutual.where["grpc"], authority, body, refused) is grpc.StatusCode.UNAVAILABLE

    @staticmethod
    def client(authority: trustme.CA, folder: Path | None, issuer: trustme.CA | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        if folder is not None:
            shown = certificate(folder, issuer or authority, "client" if issuer is None else "stranger")
            context.load_cert_chain(shown.chain, shown.key)
        return context

    @staticmethod
    def status(where: str, method: str, path: str, body: bytes | None, context: ssl.SSLContext) -> int:
        with contextlib.closing(http.client.HTTPSConnection(where, context=context, timeout=30)) as connection:
            connection.request(method, path, body, PROTOBUF)
            return connection.getresponse().status

    @staticmethod
    def call(where: str, authority: trustme.CA, body: bytes, shown: trustme.LeafCert | None) -> grpc.StatusCode | None:
        pair = None, None
        if shown is not None:
            pair = shown.private_key_pem.bytes(), b"".join(part.bytes() for part in shown.cert_chain_pems)
        credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes(), *pair)
        service = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        with grpc.secure_channel(where, credentials) as channel:
            try:
                channel.unary_unary(service)(body, timeout=30)
            except grpc.RpcError as error:
                return error.code()
        return None

    def test_a_person_can_look_at_it_with_a_certificate(self, mutual: Processor, authority: trustme.CA, tmp_path: Path):
        shown = certificate(tmp_path, authority, "person")
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        words = [
            "processor",
            "status",
            "--url",
            f"https://{mutual.where['metrics']}/metrics",
            "--ca",
            tmp_path / "ca.pem",
        ]
        assert run([*map(str, words), "--cert", str(shown.chain), "--key", str(shown.key)]) == 0
        assert run(list(map(str, words))) == 2
        assert run([*map(str, words), "--cert", str(shown.chain)]) == 2
        assert run([*map(str, words), "--cert", str(tmp_path / "ca.pem"), "--key", str(shown.chain)]) == 2
