"""Two real Alertmanagers that share what they sent, and a gateway to a controller, which a test can shut."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from otel_clinical.simulate.stack import ManagedProcess, alertmanager_server, free_ports

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE = 8.0


@dataclass(frozen=True)
class Delivery:
    """One request of an Alertmanager: which of them sent it, what, and how it was answered."""

    peer: str
    body: bytes
    code: int

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    def statuses(self) -> dict[str, str]:
        """Return the status of each alert by its name."""
        return {alert["labels"]["alertname"]: alert["status"] for alert in self.content["alerts"]}


class Gateway:
    """Passes requests on to `upstream`, or answers 500 to all while there is none; remembers each.

    Requests of the peers in `together` are passed on once each of them has one under way: whoever is told first tells
    the others, but not those who are just speaking. Only what is about `case` is passed on: a controller must
    not hear how the alert of an earlier one ended.
    """

    def __init__(self) -> None:
        self.upstream: str | None = None
        self.together: frozenset[str] = frozenset()
        self.case = ""
        self._speaking: list[str] = []
        self._turn = threading.Condition()
        self.authorization = ""
        self.deliveries: list[Delivery] = []
        self._client = httpx.Client(trust_env=False, timeout=10)
        handler = type("Handler", (_Handler,), {"gateway": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/alertmanager"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._client.close()

    def take(self, body: bytes) -> int:
        content = json.loads(body)
        peer, upstream = content["externalURL"], self.upstream
        if content["groupLabels"].get("case") != self.case:
            return 200
        code = 500
        if upstream is not None and (peer not in self.together or self._with_the_others(peer)):
            code = self._passed_on(upstream, body)
        self.deliveries.append(Delivery(peer, body, code))
        return code

    def _with_the_others(self, peer: str) -> bool:
        """Wait until all speak, for less than an Alertmanager waits; tell whether they do."""
        with self._turn:
            self._speaking.append(peer)
            self._turn.notify_all()
            met = self._turn.wait_for(lambda: self.together <= set(self._speaking), _PATIENCE)
            if met:
                self.together = frozenset()
            self._speaking.remove(peer)
            return met

    def _passed_on(self, upstream: str, body: bytes) -> int:
        headers = {"authorization": self.authorization, "content-type": "application/json"}
        try:
            return self._client.post(f"{upstream}/v1/alertmanager", content=body, headers=headers).status_code
        except httpx.TransportError:
            return 502

    def about(self, case: str) -> list[Delivery]:
        """Return what came for one group so far."""
        return [found for found in list(self.deliveries) if found.content["groupLabels"].get("case") == case]


class _Handler(BaseHTTPRequestHandler):
    gateway: Gateway

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.gateway.take(body))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        del args


class Pair:
    """A cluster of two in front of a gateway: one group per label `case`, of which two alerts are told."""

    def __init__(self, folder: Path) -> None:
        self.gateway = Gateway()
        ports = free_ports(4)
        config = folder / "alertmanager.yaml"
        config.write_text(yaml.safe_dump(_config(self.gateway.url)))
        self.members = [
            _member(config, "one", (ports[0], ports[2])),
            _member(config, "two", (ports[1], ports[3]), ports[2]),
        ]
        self._http = httpx.Client(trust_env=False, timeout=10)

    def start(self) -> None:
        for member in self.members:
            member.start()
        for member in self.members:
            member.wait_ready()

    def close(self) -> None:
        self.gateway.upstream = "http://127.0.0.1:9"
        for member in self.members:
            member.kill()
        self._http.close()
        self.gateway.close()

    def post(self, *alerts: dict[str, Any], to: int = 0) -> None:
        """Tell one of the two, as Prometheus does."""
        self._http.post(f"{self.members[to].url}/api/v2/alerts", json=list(alerts)).raise_for_status()

    def groups(self) -> list[dict[str, Any]]:
        """Return the groups that the first of them still has to tell of."""
        answer = self._http.get(f"{self.members[0].url}/api/v2/alerts/groups")
        found: list[dict[str, Any]] = answer.raise_for_status().json()
        return found


def _config(url: str) -> dict[str, Any]:
    quick = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
    hook = {"url": url, "max_alerts": 2, "send_resolved": True}
    return {
        "route": {"receiver": "controller", "group_by": ["case"], **quick},
        "receivers": [{"name": "controller", "webhook_configs": [hook]}],
    }


def _member(config: Path, name: str, ports: tuple[int, int], other: int | None = None) -> ManagedProcess:
    """Return one of the two; `ports` are those of its API and of the cluster, `other` is where its peer listens."""
    single = alertmanager_server(config.parent, config, ports[0])
    command = [word for word in single.command if "cluster" not in word and "storage" not in word]
    command += [f"--storage.path={config.parent / name}", f"--cluster.listen-address=127.0.0.1:{ports[1]}"]
    command += ["--cluster.settle-timeout=1s", "--cluster.peer-timeout=1s", f"--web.external-url={single.url}"]
    command += [f"--cluster.peer=127.0.0.1:{other}"] if other else []
    return replace(single, name=name, command=command, log=config.parent / f"{name}.log")
