"""Raw bytes on a socket, as no library would send them, and the answer to each; and bodies that come in pieces."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

import pytest

from otel_clinical.access import Address
from otel_clinical.drift.runtime import ProcessorService, ProcessorSettings
from otel_clinical.drift.runtime._connection import _PIECE, _WAITING
from otel_clinical.policy import load_policy
from tests.drift import _wire
from tests.drift.runtime._harness import PROTOBUF, TRACES, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANY = Address("127.0.0.1", 0)
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
LAST = b"Connection: close\r\n\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, policy_path: Path) -> Iterator[ProcessorService]:
    settings = ProcessorSettings(tmp_path_factory.mktemp("hostile"), ANY, ANY, ANY)
    with ProcessorService(load_policy(policy_path), settings) as found:
        assert found.wait_ready(60)
        yield found


@contextlib.contextmanager
def connected(service: ProcessorService) -> Iterator[socket.socket]:
    where = service.addresses.http
    with socket.create_connection((where.host, where.port), timeout=60) as found:
        yield found


def told(connection: socket.socket, *pieces: bytes) -> bytes:
    """Send, and return all that comes until the other side closes."""
    found = b""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        for piece in pieces:
            connection.sendall(piece)
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            found += part
    return found


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def body(spans: int = 1) -> bytes:
    now = time.time()
    return _wire.traces([_wire.span(time.time_ns() % 10**9 * 1000 + number, now) for number in range(spans)])


def announced(content: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(content)


ANSWERED = {
    "plain": (GET + LAST, [200]),
    "http 1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", [200]),
    "empty lines before it": (b"\r\n\r\n" + GET + LAST, [200]),
    "absolute address": (b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n" + LAST, [200]),
    "unknown path": (b"GET /etc/passwd HTTP/1.1\r\nHost: x\r\n" + LAST, [404]),
    "known path, wrong method": (b"DELETE /v1/traces HTTP/1.1\r\nHost: x\r\n" + LAST, [405]),
    "an upgrade is not made": (GET + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\nGET / HTTP/1.1\r\n\r\n", [200]),
    "an upgrade to HTTP/2": (GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n", [200]),
    "two sent ahead": (GET + b"\r\n" + GET + LAST, [200, 200]),
    "nothing behind the last is read": (GET + LAST + b"\x00\x01garbage", [200]),
    "no request behind the last is read": (GET + LAST + GET + LAST, [200]),
    "empty chunks": (CHUNKED + LAST + b"0\r\n\r\n", [200]),
    "chunk extension": (CHUNKED + LAST + b"0;a=b\r\n\r\n", [200]),
    "trailers": (CHUNKED + LAST + b"0\r\nHost: y\r\nX-A: b\r\n\r\n", [200]),
    "empty body": (POST + b"Content-Length: 0\r\n" + LAST, [200]),
    "no body": (POST + LAST, [200]),
    "expectation": (POST + b"Expect: 100-continue\r\nContent-Length: 0\r\n" + LAST, [100, 200]),
    "more than a request may have": (POST + b"Content-Length: 16777217\r\n" + LAST, [413]),
    "far more than a request may have": (POST + b"Content-Length: 999999999999999999\r\n" + LAST, [413]),
    "not protobuf": (POST.replace(b"x-protobuf", b"json") + b"Content-Length: 0\r\n" + LAST, [415]),
}
REFUSED = {
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "unknown method": b"FROB /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "version 0.9": b"GET /healthz HTTP/0.9\r\nHost: x\r\n\r\n",
    "version 2.0": b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n",
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: y\r\n\r\n",
    "proxy": b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "address beyond ASCII": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "folded field": GET + b"X-A: one\r\n two\r\n\r\n",
    "space before the colon": GET + b"X-A : one\r\n\r\n",
    "no colon": GET + b"X-A\r\n\r\n",
    "no name": GET + b": one\r\n\r\n",
    "NUL in a field": GET + b"X-A: o\x00ne\r\n\r\n",
    "return in a field": GET + b"X-A: o\rne\r\n\r\n",
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: x\nX: y\n\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "two equal lengths": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "list of lengths": POST + b"Content-Length: 5, 5\r\n\r\n",
    "negative length": POST + b"Content-Length: -5\r\n\r\n",
    "signed length": POST + b"Content-Length: +5\r\n\r\n",
    "hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\n",
    "empty length": POST + b"Content-Length: \r\n\r\n",
    "length past 64 bits": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "length and chunks": CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunks of gzip": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + b"\r\n0\r\n\r\n",
    "chunk without a size": CHUNKED + b"\r\nxyz\r\n",
    "negative chunk": CHUNKED + b"\r\n-1\r\n",
    "chunk longer than said": CHUNKED + b"\r\n1\r\nabc\r\n0\r\n\r\n",
    "chunk size past 64 bits": CHUNKED + b"\r\nfffffffffffffffffff\r\n",
    "length in a trailer": CHUNKED + b"\r\n0\r\nContent-Length: 5\r\n\r\n",
    "endless field": GET + b"X-A: " + b"a" * 200_000,
    "endless name": GET + b"a" * 200_000,
    "endless address": b"GET /" + b"a" * 200_000,
    "endless fields": GET + b"X-A: b\r\n" * 20_000,
    "endless chunk extension": CHUNKED + b"\r\n5;" + b"a" * 200_000,
    "endless trailers": CHUNKED + b"\r\n0\r\n" + b"X-A: b\r\n" * 20_000,
}


@pytest.mark.parametrize("name", ANSWERED)
def test_what_is_answered(service: ProcessorService, name: str):
    sent, expected = ANSWERED[name]
    with connected(service) as connection:
        assert statuses(told(connection, sent)) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_ends_the_connection(service: ProcessorService, name: str):
    with connected(service) as connection:
        answer = told(connection, REFUSED[name])
    # Whoever still sends when it is closed may lose the answer.
    assert statuses(answer) == [400] or (answer == b"" and "endless" in name)


@pytest.mark.parametrize("name", REFUSED)
def test_the_same_byte_by_byte_or_in_two(service: ProcessorService, name: str):
    sent = REFUSED[name][:400]
    with connected(service) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        half = len(sent) // 2
        if "endless" in name:
            assert statuses(told(connection, sent[:half], REFUSED[name][half:])) in ([400], [])
        else:
            pieces = [sent[at : at + 1] for at in range(len(sent))]
            assert statuses(told(connection, *pieces)) in ([400], [])


def test_garbage_behind_a_request_does_not_take_its_answer(service: ProcessorService):
    content = body()
    with connected(service) as connection:
        answer = told(connection, POST + announced(content) + b"\r\n" + content + b"\x00garbage\r\n\r\n")
    assert statuses(answer) in ([200], [200, 400])


def test_requests_sent_ahead_are_few(service: ProcessorService):
    with connected(service) as connection:
        answer = told(connection, (GET + b"\r\n") * 1000)
    assert 1 < len(statuses(answer)) <= _WAITING + 2
    assert set(statuses(answer)) == {200}
    assert answer.count(b"connection: close") == 1


@pytest.mark.parametrize("spans", [1, 20, 400])
@pytest.mark.parametrize("cut", ["once", "after the head", "in the body"])
@pytest.mark.parametrize("head", [POST, POST + b"Expect: 100-continue\r\n"], ids=["plain", "expecting"])
def test_bodies_of_every_size_are_read_whole_and_the_connection_goes_on(
    service: ProcessorService, spans: int, cut: str, head: bytes
):
    contents = [body(spans) for _ in range(3)]
    with connected(service) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, content in enumerate(contents):
            head_ = head + announced(content) + (LAST if number == 2 else b"\r\n")
            message = head_ + content
            at = {"once": len(message), "after the head": len(head_), "in the body": len(message) - 5}[cut]
            connection.sendall(message[:at])
            connection.sendall(message[at:])
        answer = told(connection)
    assert [one for one in statuses(answer) if one != 100] == [200] * 3
    assert answer.count(b"content-length: 0") == 3  # nothing in them was refused
    assert max(map(len, contents)) > _PIECE or spans < 400


def test_chunked_bodies_are_read_whole(service: ProcessorService):
    content = body(400)
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(content[at : at + 1000]), content[at : at + 1000]) for at in range(0, len(content), 1000)
    )
    with connected(service) as connection:
        answer = told(connection, (CHUNKED + b"\r\n" + chunks + b"0\r\n\r\n") + CHUNKED + LAST + chunks + b"0\r\n\r\n")
    assert statuses(answer) == [200, 200]


def test_a_large_body_followed_at_once_by_another_request(service: ProcessorService):
    content = body(400)
    one = POST + announced(content) + b"\r\n" + content
    with connected(service) as connection:
        assert statuses(told(connection, one * 5 + GET + LAST)) == [200] * 6


def test_a_refused_body_is_thrown_away_and_the_connection_goes_on(service: ProcessorService):
    content = body(400)
    wrong = POST.replace(b"x-protobuf", b"json") + announced(content) + b"\r\n" + content
    with connected(service) as connection:
        assert statuses(told(connection, wrong + GET + LAST)) == [415, 200]


def test_a_sender_that_leaves_in_the_middle_of_a_body_leaves_nothing_behind(service: ProcessorService):
    content = body(400)
    for _ in range(30):
        with connected(service) as connection:
            connection.sendall(POST + announced(content) + b"\r\n" + content[: 2 * _PIECE])
    deadline = time.monotonic() + 60
    while service._intake._pool.requests:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert ask(str(service.addresses.http), "POST", TRACES, content, PROTOBUF).status == 200
