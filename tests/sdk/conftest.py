"""What the tests of the set-up share: a ledger to read, and a receiver that speaks OTLP/HTTP."""

from __future__ import annotations

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Ledger:
    """Remember what was counted."""

    def __init__(self):
        self.reasons = Counter()
        self.failures = Counter()

    def withheld(self, reason):
        self.reasons[reason.value] += 1

    def failed(self, component, error):
        self.failures[component.value, type(error).__name__] += 1


class Receiver:
    """An OTLP/HTTP receiver on the loopback that keeps what it gets and answers as told."""

    def __init__(self):
        self.requests = []
        self.answers = []
        self.answer = lambda _path: 200
        self.hold = threading.Event()
        self.hold.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.hold.wait(30)
                status = receiver.answers.pop(0) if receiver.answers else receiver.answer(self.path)
                receiver.requests.append((self.path, dict(self.headers), body, status))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if status == 503:
                    self.send_header("Retry-After", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def accepted(self, path):
        """Return the bodies that were answered with 200."""
        return [body for found, _, body, status in self.requests if found == path and status == 200]

    def close(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def eventually():
    """Return a function that waits until a condition holds."""

    def wait(condition, seconds=10.0):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "the condition never held"
            threading.Event().wait(0.01)
        return found

    return wait
