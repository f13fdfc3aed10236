"""A deployment system with a signed HTTP address, as a hospital's own would be."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from otel_clinical.rollback.targets.http_hook import SIGNATURE


class Peer:
    """Serve version 8; check signature, entity tag and idempotency key."""

    def __init__(self, secret: str, port: int = 0) -> None:
        self.version, self.marker, self.epoch = "8", "", 1
        self.answer: int | None = None
        self.lose_answer = False
        self.unmarked = False
        self.keys: list[str] = []
        self.secret = secret.encode()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/coding"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def move(self, version: str) -> None:
        self.version, self.epoch = version, self.epoch + 1

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def tag(self) -> str:
        return f'"{self.epoch}"'

    def signed(self, header: str, content: bytes) -> bool:
        parts = dict(part.split("=", 1) for part in header.split(","))
        expected = hmac.new(self.secret, f"{parts['t']}.".encode() + content, hashlib.sha256).hexdigest()
        return hmac.compare_digest(parts["v1"], expected)

    def swap(self, headers, content: bytes) -> int:
        if headers["If-Match"] != self.tag:
            return 412
        asked = json.loads(content)
        self.keys.append(headers["Idempotency-Key"])
        self.version, self.epoch = asked["version"], self.epoch + 1
        if self.unmarked:  # it stopped before it noted who asked
            return 500
        self.marker = asked["marker"]
        return 200

    def _handler(peer):  # noqa: N805 -- the handler's own `self` is another one
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, content: bytes) -> None:
                code = 200 if peer.signed(self.headers[SIGNATURE], content) else 401
                if code == 200 and self.command == "POST":
                    code = peer.answer or peer.swap(self.headers, content)
                    if peer.lose_answer:
                        peer.lose_answer = False
                        self.close_connection = True
                        return
                said = json.dumps({"version": peer.version, "marker": peer.marker}).encode()
                self.send_response(code)
                self.send_header("ETag", peer.tag)
                self.send_header("Content-Length", str(len(said)))
                if code == 307:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
