"""A small API server that answers requests for resources as a real one was measured to.

A stale resource version in a merge patch is 409, a failed `test` of a JSON patch 422, an unknown token 401, a
read-only one 403, a missing resource 404, a list without the JSON-patch content type 400, another content type 415;
`status` in a patch of the main resource is dropped without a word; a change of `spec` grows `generation`, and so does
one of a Deployment's annotations; a change of anything grows the resource version; a dry run changes nothing.
`test_api_server.py` asks both.
"""

from __future__ import annotations

import copy
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from otel_clinical.rollback.targets._resource import KINDS

_JSON_PATCH, _MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"
PODS = "/api/v1/namespaces/clinical/pods"
TOKEN = "a-token-of-the-controller"  # noqa: S105 -- of a server in this file
READER = "a-token-that-may-only-read"


class Cluster:
    """Keep resources in memory and serve them on the loopback."""

    def __init__(self) -> None:
        self.resources: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, str]] = []
        self.pods: list[dict[str, Any]] = []
        self.read_only = False
        self.hide_pods = False
        self.lose_answer = False
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def kubeconfig(self, token: str = TOKEN) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }

    @property
    def read_only_token(self) -> str:
        return READER

    def create(self, kind: str) -> None:
        self.resources[path_of(kind)] = fresh(kind)
        if kind == "inference_service":
            self.show_pods(pod("a", "8"), pod("b", "8"))

    def show_pods(self, *pods: dict[str, Any]) -> None:
        """Let these, and no others, run for the InferenceService."""
        self.pods = list(pods)

    def get(self, path: str, query: str) -> tuple[int, Any]:
        if path == PODS:
            return self._list_pods(query)
        found = self.resources.get(path)
        return (404, _failure(404, "NotFound")) if found is None else (200, found)

    def _list_pods(self, query: str) -> tuple[int, Any]:
        if self.hide_pods:
            return 403, _failure(403, "Forbidden")
        wanted = dict(pair.split("=") for pair in parse_qs(query)["labelSelector"][0].split(","))
        found = [pod for pod in self.pods if wanted.items() <= pod["metadata"]["labels"].items()]
        return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": found}

    def delete(self, kind: str) -> None:
        del self.resources[path_of(kind)]

    def forbid(self) -> None:
        self.read_only = True

    def move(self, kind: str, version: str) -> None:
        """Change the version as `kubectl` of somebody else would."""
        self.edit(kind, lambda found: set_version(kind, found, version))

    def edit(self, kind: str, change: Any) -> None:
        with self._lock:
            before = self.resources[path_of(kind)]
            after = copy.deepcopy(before)
            change(after)
            self.resources[path_of(kind)] = _stored(before, after)

    def make(self, folder: str, wanted: dict[str, Any]) -> tuple[int, Any]:
        """Take a new resource."""
        path = f"{folder}/{wanted['metadata']['name']}"
        with self._lock:
            if path in self.resources:
                return 409, _failure(409, "AlreadyExists")
            first = {"resourceVersion": "100", "generation": 1}
            self.resources[path] = {**wanted, "metadata": {**wanted["metadata"], **first}, "status": {}}
            return 201, self.resources[path]

    def remove(self, path: str) -> tuple[int, Any]:
        with self._lock:
            found = self.resources.pop(path, None)
        return (404, _failure(404, "NotFound")) if found is None else (200, found)

    def refused(self, content_type: str, shown: str | None) -> tuple[int, Any] | None:
        """Return the answer to a patch that is not even looked at."""
        if content_type not in {_JSON_PATCH, _MERGE_PATCH}:
            return 415, _failure(415, "UnsupportedMediaType")
        if self.read_only or shown == f"Bearer {READER}":
            return 403, _failure(403, "Forbidden")
        return None

    def patch_status(self, path: str, body: Any) -> tuple[int, Any]:
        """Change the status alone, as a controller does."""
        with self._lock:
            before = self.resources[path]
            stale = body.get("metadata", {}).get("resourceVersion", before["metadata"]["resourceVersion"])
            if stale != before["metadata"]["resourceVersion"]:
                return 409, _failure(409, "Conflict")
            after = copy.deepcopy(before)
            _merge(after, {"status": body["status"]})
            self.resources[path] = after = _stored(before, after)
            return 200, after

    def patch(self, path: str, content_type: str, body: Any, *, dry: bool, manager: str = "unknown") -> tuple[int, Any]:
        if path.endswith("/status"):
            return self.patch_status(path.removesuffix("/status"), body)
        with self._lock:
            before = self.resources.get(path)
            if before is None:
                return 404, _failure(404, "NotFound")
            if body is None or isinstance(body, list) != (content_type == _JSON_PATCH):
                return 400, _failure(400, "BadRequest")
            after = copy.deepcopy(before)
            try:
                _apply(after, body) if isinstance(body, list) else _merge(after, body)
            except LookupError:
                return 422, _failure(422, "Invalid")
            if after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
                return 409, _failure(409, "Conflict")
            after["status"] = before.get("status")
            after = _stored(before, after, manager)
            if not dry:
                self.resources[path] = after
            return 200, after


def path_of(kind: str) -> str:
    found = KINDS[kind]
    return f"/apis/{found.group}/{found.version}/namespaces/clinical/{found.plural}/coding"


def set_version(kind: str, found: dict[str, Any], version: str) -> None:
    """Change the version of a resource in place."""
    spec = found["spec"]
    if kind == "inference_service":
        spec["predictor"]["model"]["storageUri"] = version
    else:
        spec["template"]["spec"]["containers"][0]["env"][0]["value"] = version


def fresh(kind: str) -> dict[str, Any]:
    metadata = {"name": "coding", "namespace": "clinical", "resourceVersion": "100", "generation": 1}
    if kind == "inference_service":
        spec: dict[str, Any] = {"predictor": {"model": {"modelFormat": {"name": "sklearn"}, "storageUri": "8"}}}
        # As KServe does: the generation of the Deployment that it made of it.
        status: dict[str, Any] = {"observedGeneration": 4, "conditions": [{"type": "Ready", "status": "True"}]}
    else:
        container = {"name": "model", "image": "coding:1", "env": [{"name": "MODEL_VERSION", "value": "8"}]}
        labels = {"app": "coding"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
        counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        status = {"observedGeneration": 1, **dict.fromkeys(counts, 3)}
        if kind == "rollout":
            spec["rollbackWindow"] = {"revisions": 3}
            status["observedGeneration"] = "1"
    group = f"{KINDS[kind].group}/{KINDS[kind].version}"
    return {"apiVersion": group, "metadata": metadata, "spec": spec, "status": status}


def pod(name: str, uri: str, *, ready: bool = True, **notes: str) -> dict[str, Any]:
    """Return a pod as KServe starts them: it says what it was started with."""
    labels = {"serving.kserve.io/inferenceservice": "coding", "component": "predictor"}
    annotations = {"internal.serving.kserve.io/storage-initializer-sourceuri": uri, **notes}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"coding-{name}", "labels": labels, "annotations": annotations},
        # Nobody but the test runs them, so that nothing is needed to run them.
        "spec": {"schedulerName": "nobody", "containers": [{"name": "kserve-container", "image": "coding:1"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def _stored(before: dict[str, Any], after: dict[str, Any], manager: str = "unknown") -> dict[str, Any]:
    if after == before:
        return before
    metadata, changed = after["metadata"], after["spec"] != before["spec"]
    metadata["resourceVersion"] = str(int(before["metadata"]["resourceVersion"]) + 1)
    noted = metadata.get("annotations") != before["metadata"].get("annotations")
    if changed or (noted and after["apiVersion"] == "apps/v1"):
        metadata["generation"] = before["metadata"]["generation"] + 1
    if changed:
        entry = {"manager": manager, "operation": "Update", "fieldsV1": {"f:spec": {}}}
        metadata["managedFields"] = [*metadata.get("managedFields", ()), entry]
    return after


def _failure(code: int, reason: str) -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "reason": reason, "code": code}


def _apply(target: Any, operations: list[dict[str, Any]]) -> None:
    """Apply a JSON patch of `test`, `replace` and `add`; raise `LookupError` where one does not fit."""
    for operation in operations:
        *parents, last = [p.replace("~1", "/").replace("~0", "~") for p in operation["path"][1:].split("/")]
        place = target
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        key: Any = int(last) if isinstance(place, list) else last
        if operation["op"] == "test":
            if place[key] != operation["value"]:
                raise LookupError(operation["path"])
        elif operation["op"] in {"add", "replace"}:  # where there is nothing to replace, it is added
            place[key] = operation["value"]
        else:
            raise LookupError(operation["op"])


def _merge(target: dict[str, Any], change: dict[str, Any]) -> None:
    for key, value in change.items():
        if isinstance(value, dict):
            _merge(target.setdefault(key, {}), value)
        elif value is None:
            target.pop(key, None)
        else:
            target[key] = value


def _read(content: bytes) -> Any:
    """Return the JSON, or None for anything else."""
    try:
        return json.loads(content)
    except ValueError:
        return None


def _handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(*cluster.get(*self.path.partition("?")[::2]))

        def do_PATCH(self) -> None:
            body = _read(self.rfile.read(int(self.headers["Content-Length"])))
            refused = cluster.refused(self.headers["Content-Type"], self.headers.get("Authorization"))
            if refused is not None:
                self._answer(*refused)
                return
            path, _, query = self.path.partition("?")
            asked = parse_qs(query)
            (manager,), dry = asked.get("fieldManager", ["unknown"]), asked.get("dryRun") == ["All"]
            code, found = cluster.patch(path, self.headers["Content-Type"], body, dry=dry, manager=manager)
            if cluster.lose_answer and not dry:
                cluster.lose_answer = False
                self.close_connection = True
                return
            self._answer(code, found)

        def do_POST(self) -> None:
            self._answer(*cluster.make(self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def do_DELETE(self) -> None:
            self._answer(*cluster.remove(self.path))

        def _answer(self, code: int, found: dict[str, Any]) -> None:
            if self.headers.get("Authorization") not in {f"Bearer {TOKEN}", f"Bearer {READER}"}:
                code, found = 401, _failure(401, "Unauthorized")
            cluster.requests.append((self.command, self.path, str(code)))
            said = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
