"""People are called by a second path where the alerting path is what fails."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from otel_clinical.cli._frame import run
from otel_clinical.rollback import activate_version
from otel_clinical.rollback.second_path import Pager, SecondPath
from otel_clinical.simulate.stack import free_ports, wait_until
from tests.rollback._controller import Controller, terms_of
from tests.rollback.test_disk import no_byte_more

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus

LAST = "      maximum_alert_age: 15m\n"
LONG = 60.0


class Desk:
    """An address that takes events, as PagerDuty does."""

    def __init__(self, port: int = 0) -> None:
        self.taken: list[dict[str, Any]] = []
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                desk.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v2/enqueue"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def said(self, action: str) -> list[str]:
        return [
            event["dedup_key"].rpartition("example-health/")[2]
            for event in self.taken
            if event["event_action"] == action
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(folder: Path, prometheus: FakePrometheus, url: str, *options: str) -> Iterator[Controller]:
    """Run a controller that calls a desk, and is blind after 2 s without a heartbeat."""
    (folder / "key").write_text("routing-key-of-the-tests\n")
    words = (f"--page-url={url}", f"--page-key-file={folder / 'key'}", "--pull=0.3", "--retry=0.2", "--watch=0.1")
    controller = Controller(folder, prometheus.url, (*words, *options))
    controller.start()
    try:
        yield controller
    finally:
        controller.process.stop(60)


@pytest.fixture
def terms(tmp_path: Path) -> Terms:
    terms = terms_of(tmp_path, **{LAST: f"{LAST}      dead_man: {{silence: 2s}}\n"})
    for version, age in (("7", 86_400.0), ("8", 60.0)):
        activate_version(terms, version, by="tests", at=time.time() - age)
    return terms


@pytest.mark.usefixtures("terms")
def test_a_controller_that_hears_no_watchdog_calls_people_itself_and_says_when_it_is_over(
    prometheus: FakePrometheus, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    with serving(tmp_path, prometheus, f"http://127.0.0.1:{port}/v2/enqueue") as controller:
        controller.post(b"{}", path="/v1/heartbeat")
        log = tmp_path / "controller.log"
        wait_until(lambda: "cannot be called" in log.read_text(), within=LONG, what="a call that nobody takes")
        desk = Desk(port)
        try:
            wait_until(lambda: desk.said("trigger"), within=LONG, what="the call")
            (call,) = desk.taken
            assert desk.said("trigger") == ["blind/coding"]
            assert call["routing_key"] == "routing-key-of-the-tests"
            assert "no watchdog" in call["payload"]["summary"]

            def beats() -> list[str]:
                controller.post(b"{}", path="/v1/heartbeat")
                return desk.said("resolve")

            wait_until(beats, within=LONG, what="the end of it", every=0.3)
            assert (desk.said("trigger"), desk.said("resolve")) == (["blind/coding"], ["blind/coding"])
            actions = [event["action"] for event in controller.get("/v1/audit")["events"]]
            assert {"controller.blind", "second_path.called", "second_path.ended"} <= set(actions)
        finally:
            desk.close()


@pytest.mark.usefixtures("terms")
def test_a_controller_that_can_write_nothing_calls_people_itself(prometheus: FakePrometheus, tmp_path: Path) -> None:
    desk = Desk()
    try:
        with serving(tmp_path, prometheus, desk.url) as controller:
            with no_byte_more(controller):
                wait_until(lambda: desk.said("trigger") == ["store"], within=LONG, what="the call")
            wait_until(lambda: desk.said("resolve") == ["store"], within=LONG, what="the end of it")
    finally:
        desk.close()


def test_what_is_wrong_is_said_until_it_is_taken_and_then_once() -> None:
    answers, said, wrong, noted = iter([False, False, True]), [], {"store": "full"}, []

    class Deaf(Pager):
        def _send(self, event: dict[str, Any]) -> bool:
            said.append(event["event_action"])
            return next(answers, True)

    path = SecondPath(
        Deaf("http://desk", None, "tests"), lambda: wrong, lambda action, _data: noted.append(action), "x"
    )
    for _ in range(5):
        path.turn()
    assert (said, noted) == (["trigger"] * 3, ["second_path.called"])
    wrong.clear()
    for _ in range(3):
        path.turn()
    assert said[3:] == ["resolve"]
    path.stop(1)


@pytest.mark.parametrize(("option", "named"), [("--page-url=desk", "pagerduty"), ("--page-key-file=key", "--page-url")])
def test_a_second_path_that_leads_nowhere_is_one_sentence(
    option: str, named: str, terms: Terms, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = terms.pointer.parent
    (folder / "tokens").write_text("token-of-the-tests-0001\n")
    call = ["rollback", "serve", f"--policy={folder / 'policy.yaml'}", f"--state={folder / 's'}", option]
    assert run([*call, f"--token-file={folder / 'tokens'}", "--prometheus=http://127.0.0.1:9"]) == 2
    assert named in capsys.readouterr().err
    assert not (folder / "s").exists()
