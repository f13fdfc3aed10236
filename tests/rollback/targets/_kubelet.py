"""What a node does for pods, played for a server that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.rollback.targets._cluster import PODS

if TYPE_CHECKING:
    from tests.rollback.targets._real_cluster import RealCluster

MERGE: Final = {"Content-Type": "application/merge-patch+json"}


class Kubelet:
    """Say of pods that they are ready, as a node would."""

    def __init__(self, cluster: RealCluster) -> None:
        self._http = cluster.http

    def versions(self) -> list[str]:
        """Return what every pod of the Deployment was started with."""
        return [pod["spec"]["containers"][0]["env"][0]["value"] for pod in self._pods()]

    def make_ready(self, most: int = 99) -> None:
        ready = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
        waiting = [pod for pod in self._pods() if pod["status"].get("phase") != "Running"]
        for pod in waiting[:most]:
            self._http.patch(f"{PODS}/{pod['metadata']['name']}/status", json=ready, headers=MERGE)

    def _pods(self) -> list[dict[str, Any]]:
        found = self._http.get(PODS, params={"labelSelector": "app=coding"}).raise_for_status().json()
        return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]
