"""Senders that never finish, and senders that never stop: cut off or told to wait, and everybody else is served."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from typing import TYPE_CHECKING

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from otel_clinical.access import Address
from otel_clinical.drift.runtime import ProcessorService, ProcessorSettings, _patience, intake, rpc
from otel_clinical.drift.runtime import http as receiver
from otel_clinical.drift.runtime._rates import RateLimit
from otel_clinical.policy import load_policy
from tests.drift import _wire
from tests.drift.runtime._harness import PROTOBUF, TRACES, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANY = Address("127.0.0.1", 0)
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@contextlib.contextmanager
def serving(folder: Path, policy_path: Path, rate: float | None = None) -> Iterator[ProcessorService]:
    settings = ProcessorSettings(folder, ANY, ANY, ANY, rate_limit=rate)
    with ProcessorService(load_policy(policy_path), settings) as service:
        assert service.wait_ready(60)
        yield service


@pytest.fixture
def impatient(tmp_path: Path, policy_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessorService]:
    for module, name in ((_patience, "HEADER_SECONDS"), (receiver, "READ_SECONDS"), (rpc, "READ_SECONDS")):
        monkeypatch.setattr(module, name, 0.5)
    with serving(tmp_path, policy_path) as service:
        yield service


def body() -> bytes:
    return _wire.traces([_wire.span(time.time_ns() % 10**9, time.time())])


def works(service: ProcessorService) -> bool:
    answer = ask(str(service.addresses.http), "POST", TRACES, body(), PROTOBUF)
    with grpc.insecure_channel(str(service.addresses.grpc)) as channel:
        return answer.status == 200 and channel.unary_unary(EXPORT)(body(), timeout=60) == b""


def connected(service: ProcessorService) -> socket.socket:
    found = socket.create_connection((service.addresses.http.host, service.addresses.http.port), timeout=60)
    found.settimeout(60)
    return found


def closed(connection: socket.socket) -> bytes:
    """Return what came before the other side closed."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(4096):
            found += part
    return found


class TestSlow:
    @pytest.mark.parametrize("sent", [b"", b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["nothing", "half"])
    def test_headers_that_never_end(self, impatient: ProcessorService, sent: bytes):
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(connected(impatient)) for _ in range(40)]
            for one in slow:
                one.sendall(sent)
            assert works(impatient)
            assert [closed(one) for one in slow] == [b""] * 40

    def test_headers_of_a_second_request_that_never_end(self, impatient: ProcessorService):
        with connected(impatient) as slow:
            slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /heal")
            assert b"200 OK" in closed(slow)

    def test_a_body_that_never_ends_is_retryable(self, impatient: ProcessorService):
        with connected(impatient) as slow:
            head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            slow.sendall(head + b"Content-Length: 999\r\n\r\n\x0a")
            assert works(impatient)
            answer = closed(slow)
        assert b"503" in answer.splitlines()[0]
        assert b"retry-after" in answer.lower()

    def test_calls_whose_message_never_comes(self, impatient: ProcessorService):
        ended = threading.Event()

        def never() -> Iterator[bytes]:
            ended.wait(60)
            yield b""

        with grpc.insecure_channel(str(impatient.addresses.grpc)) as channel:
            calls = [channel.stream_unary(EXPORT).future(never()) for _ in range(rpc._READING)]
            assert {call.code() for call in calls} == {grpc.StatusCode.CANCELLED}  # which OTLP sends again
            ended.set()
        assert works(impatient)

    def test_connections_that_never_say_a_word(self, tmp_path: Path, policy_path: Path, monkeypatch):
        given = [(name, 500 if "handshake" in name else value) for name, value in rpc._OPTIONS]
        monkeypatch.setattr(rpc, "_OPTIONS", given)
        with serving(tmp_path, policy_path) as service, contextlib.ExitStack() as stack:
            address = service.addresses.grpc
            slow = [
                stack.enter_context(socket.create_connection((address.host, address.port), timeout=60))
                for _ in range(40)
            ]
            assert works(service)
            for one in slow:
                closed(one)  # returns when the server has closed it; its settings may have come before

    def test_a_call_without_a_message_is_a_permanent_error(self, impatient: ProcessorService):
        with grpc.insecure_channel(str(impatient.addresses.grpc)) as channel, pytest.raises(grpc.RpcError) as raised:
            channel.stream_unary(EXPORT)(iter(()), timeout=60)
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_announced_bodies_are_charged_before_they_arrive(tmp_path: Path, policy_path: Path):
    """Whoever announces a large body and does not send it takes its share; who comes next is told to come back."""
    announced = b"Content-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n" % intake.MAXIMUM_BODY
    with serving(tmp_path, policy_path) as service, contextlib.ExitStack() as stack:
        for _ in range(8):
            slow = stack.enter_context(connected(service))
            slow.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n" + announced)
        deadline = time.monotonic() + 60
        while ask(str(service.addresses.http), "POST", TRACES, body(), PROTOBUF).status != 503:
            assert time.monotonic() < deadline
        stack.close()
        while not works(service):
            assert time.monotonic() < deadline


def test_a_source_that_sends_no_bodies_leaves_memory_to_the_others(tmp_path: Path, policy_path: Path):
    announced = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
    announced += b"Content-Length: %d\r\n\r\n" % intake.MAXIMUM_BODY
    with serving(tmp_path, policy_path) as service, contextlib.ExitStack() as stack:
        where = str(service.addresses.http)
        for _ in range(8):
            stack.enter_context(connected(service)).sendall(announced)
        deadline = time.monotonic() + 60
        while ask(where, "POST", TRACES, body(), PROTOBUF).status != 503:
            assert time.monotonic() < deadline
        other = http.client.HTTPConnection(where, timeout=60, source_address=("127.0.0.2", 0))
        with contextlib.closing(other):
            other.request("POST", TRACES, body(), PROTOBUF)
            assert other.getresponse().status == 200


def test_a_source_that_sends_no_messages_leaves_turns_to_the_others(
    tmp_path: Path, policy_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Sixty calls of one source (played: this machine has one address) and then one of another."""
    ended, sources = threading.Event(), ["slow"] * 60
    monkeypatch.setattr(rpc, "_source", lambda _peer: sources.pop() if sources else "other")
    monkeypatch.setattr(rpc, "_TURN_SECONDS", 1.0)

    def never() -> Iterator[bytes]:
        ended.wait(60)
        yield b""

    with serving(tmp_path, policy_path) as service, contextlib.ExitStack() as stack:
        stack.callback(ended.set)
        where = str(service.addresses.grpc)
        channel = stack.enter_context(grpc.insecure_channel(where))
        calls = [channel.stream_unary(EXPORT).future(never()) for _ in range(60)]
        deadline = time.monotonic() + 60
        while sources or sum(call.done() for call in calls) < 60 - rpc._READING // 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert {call.code() for call in calls if call.done()} == {grpc.StatusCode.UNAVAILABLE}
        with grpc.insecure_channel(where) as other:
            assert other.unary_unary(EXPORT)(body(), timeout=60) == b""
        assert sum(not call.done() for call in calls) == rpc._READING // 2


class TestRate:
    def test_too_many_requests_of_one_source_are_told_when_to_come_back(self, tmp_path: Path, policy_path: Path):
        with serving(tmp_path, policy_path, rate=0.1) as service:
            answers = [ask(str(service.addresses.http), "POST", TRACES, body(), PROTOBUF) for _ in range(2)]
            assert [one.status for one in answers] == [200, 429]
            assert 1 <= int(answers[1].headers["retry-after"]) <= 10
            with grpc.insecure_channel(str(service.addresses.grpc)) as channel, pytest.raises(grpc.RpcError) as raised:
                channel.unary_unary(EXPORT)(body(), timeout=60)
            assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            (details,) = (v for key, v in raised.value.trailing_metadata() if key == "grpc-status-details-bin")
            retry = RetryInfo()
            assert Status.FromString(details).details[0].Unpack(retry)
            assert 0 < retry.retry_delay.ToTimedelta().total_seconds() <= 10
            page = ask(str(service.addresses.metrics), "GET", "/metrics", None, {}).body.decode()
            assert 'rate_limited"} 2.0' in page

    def test_nobody_can_say_that_it_is_another_source(self, tmp_path: Path, policy_path: Path):
        with serving(tmp_path, policy_path, rate=0.1) as service:
            where = str(service.addresses.http)
            for number, expected in enumerate([200, 429, 429]):
                names = ("X-Forwarded-For", "Forwarded", "X-Real-IP")
                headers = PROTOBUF | dict.fromkeys(names, f"10.0.0.{number}")
                assert ask(where, "POST", TRACES, body(), headers).status == expected

    def test_all_addresses_of_an_ipv6_network_are_one_source(self):
        limit = RateLimit(0.2, clock=lambda: 0.0)
        assert limit.wait("2001:db8::1") == 0.0
        assert limit.wait("2001:db8::ffff:2%eth0") > 0.0
        assert limit.wait("2001:db8:0:1::1") == 0.0
        assert limit.wait("::ffff:10.0.0.7") == 0.0
        assert limit.wait("10.0.0.7") > 0.0

    def test_each_source_has_its_own_bucket_and_gets_tokens_back(self):
        now = [0.0]
        limit = RateLimit(2.0, clock=lambda: now[0])
        assert [limit.wait("a") for _ in range(11)] == [0.0] * 10 + [0.5]
        assert limit.wait("b") == 0.0
        now[0] += 0.5
        assert limit.wait("a") == 0.0
        assert limit.wait("a") == pytest.approx(0.5)

    def test_the_sources_it_remembers_are_bounded(self):
        limit = RateLimit(1.0, clock=lambda: 0.0)
        for number in range(20_000):
            limit.wait(str(number))
        assert len(limit._buckets) == 10_000


def test_a_connection_that_is_kept_is_served_again(impatient: ProcessorService):
    connection = http.client.HTTPConnection(str(impatient.addresses.http), timeout=60)
    with contextlib.closing(connection):
        for _ in range(3):  # one connection, several requests: the timer of the headers ends with them
            connection.request("POST", TRACES, body(), PROTOBUF)
            assert connection.getresponse().read() == b""
