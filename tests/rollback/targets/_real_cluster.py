"""A real API server, with the doors that the tests need: the one that `scripts/apiserver` builds, or somebody else's.

`OTEL_CLINICAL_KUBE` names a kubeconfig of somebody else's. It needs a bearer token that may do everything in a
namespace `clinical` of its own, and, as `OTEL_CLINICAL_KUBE_READONLY`, one that may only read there. Kinds whose
resource definitions are not installed are skipped. No controllers should run, or they rewrite what the tests set.
"""

from __future__ import annotations

import base64
import copy
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from otel_clinical.rollback.targets._resource import KINDS
from tests.rollback.targets._api_server import ACCOUNT, ADMIN, READER
from tests.rollback.targets._cluster import PODS, fresh, path_of, pod, set_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rollback.targets._api_server import ApiServer

VARIABLE = "OTEL_CLINICAL_KUBE"


class RealCluster:
    """As `Cluster`, but everything goes over HTTP.

    Args:
        config: Kubeconfig with the bearer token that a target is given.
        read_only: Token that may only read.
        administrator: Token of whoever makes and changes resources from outside; the target's by default.
    """

    def __init__(self, config: dict[str, Any], read_only: str, administrator: str | None = None) -> None:
        self._config, self._read_only = config, read_only
        self._made, self._pods = set[str](), list[str]()
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.token: str = user["token"]
        self.http = httpx.Client(
            base_url=cluster["server"],
            headers={"Authorization": f"Bearer {administrator or self.token}"},
            verify=_trust(cluster),
            trust_env=False,
            timeout=30,
        )

    @classmethod
    def configured(cls) -> RealCluster | None:
        """Return the server that the environment names, if it names one."""
        path = os.environ.get(VARIABLE)
        if not path:
            return None
        return cls(yaml.safe_load(Path(path).read_text()), os.environ.get(f"{VARIABLE}_READONLY", ""))

    @classmethod
    def of(cls, server: ApiServer) -> RealCluster:
        """Return a server of ours, as its shipped role and a reader of it see it."""
        return cls(server.kubeconfig(server.token(ACCOUNT)), server.token(READER), ADMIN)

    def kubeconfig(self, token: str | None = None) -> dict[str, Any]:
        user = {"name": "test", "user": {"token": token or self.token}}
        contexts = [{"name": "test", "context": {"cluster": self._config["clusters"][0]["name"], "user": "test"}}]
        return {**self._config, "users": [user], "contexts": contexts, "current-context": "test"}

    def create(self, kind: str) -> None:
        """Make the resource anew, with the status that its controller would give it."""
        self.delete(kind)
        wanted = fresh(kind)
        wanted["kind"] = {"deployment": "Deployment", "rollout": "Rollout"}.get(kind, "InferenceService")
        status, wanted["metadata"] = wanted.pop("status"), {"name": "coding", "namespace": "clinical"}
        made = self.http.post(path_of(kind).rpartition("/")[0], json=wanted)
        if made.status_code == 404:
            pytest.skip(f"the API server does not know {KINDS[kind].plural}.{KINDS[kind].group}")
        made.raise_for_status()
        self._made.add(kind)
        self._merge(f"{path_of(kind)}/status", {"status": status})
        if kind == "inference_service":
            self.show_pods(pod("a", "8"), pod("b", "8"))

    def show_pods(self, *pods: dict[str, Any]) -> None:
        """Let these, and no others, run for the InferenceService."""
        for name in self._pods:
            self._delete(f"{PODS}/{name}?gracePeriodSeconds=0")
        self._pods = [pod["metadata"]["name"] for pod in pods]
        for made in pods:
            self.http.post(PODS, json=made).raise_for_status()
            self._merge(f"{PODS}/{made['metadata']['name']}/status", {"status": made["status"]})

    def delete(self, kind: str) -> None:
        self._delete(path_of(kind))
        if kind == "inference_service":
            self.show_pods()
        self._made.discard(kind)

    def _delete(self, path: str) -> None:
        answer = self.http.delete(path)
        assert answer.status_code in {200, 202, 404}, answer.text

    def move(self, kind: str, version: str) -> None:
        found = self.http.get(path_of(kind)).raise_for_status().json()
        set_version(kind, found, version)
        self._merge(path_of(kind), {"spec": found["spec"]})

    def edit(self, kind: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change anything about a resource, and its status where that is what changes."""
        found = self.http.get(path_of(kind)).raise_for_status().json()
        changed = copy.deepcopy(found)
        change(changed)
        for path in (path_of(kind), f"{path_of(kind)}/status"):
            if changed != found:
                self.http.put(path, json=changed).raise_for_status()
                found = self.http.get(path_of(kind)).raise_for_status().json()
                changed["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]

    def clear(self) -> None:
        for kind in sorted(self._made):
            self.delete(kind)

    def close(self) -> None:
        self.clear()
        self.http.close()

    @property
    def read_only_token(self) -> str:
        return self._read_only

    def _merge(self, path: str, change: dict[str, Any]) -> None:
        headers = {"Content-Type": "application/merge-patch+json"}
        self.http.patch(path, json=change, headers=headers).raise_for_status()


def _trust(cluster: dict[str, Any]) -> ssl.SSLContext | bool:
    if not cluster["server"].startswith("https"):
        return False
    if "certificate-authority-data" in cluster:
        return ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    return ssl.create_default_context(cafile=cluster.get("certificate-authority"))
