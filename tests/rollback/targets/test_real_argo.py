"""A Rollout that the real controller of Argo Rollouts takes through its steps, on a real API server."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from otel_clinical.rollback.targets import Conflicted, KubernetesResource, Swapped
from otel_clinical.simulate._ports import free_ports
from otel_clinical.simulate._waiting import wait_until
from tests.rollback.targets._api_server import ADMIN, ANALYSES, definition
from tests.rollback.targets._cluster import PODS, path_of
from tests.rollback.targets._kubelet import MERGE, Kubelet
from tests.rollback.targets._programs import built, ended
from tests.rollback.targets.conftest import BINARY, MISSING, kubernetes_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rollback.targets._real_cluster import RealCluster

PATIENCE_S = 60
REPLICA_SETS = "/apis/apps/v1/namespaces/clinical/replicasets"
STEPS = {"canary": {"steps": [{"setWeight": 34}, {"pause": {}}]}}


class Scene:
    """A Rollout of three that serves 8, whose new versions wait for a person when a third of it is theirs."""

    def __init__(self, cluster: RealCluster, target: KubernetesResource) -> None:
        self.cluster, self.target, self.kubelet = cluster, target, Kubelet(cluster)

    def swap(self, version: str) -> None:
        outcome = self.target.swap(self.target.read(), version, "otel-clinical/4/7")
        while isinstance(outcome, Conflicted):
            outcome = self.target.swap(outcome.active, version, "otel-clinical/4/7")
        assert isinstance(outcome, Swapped)

    def patch(self, body: dict[str, Any], part: str = "") -> None:
        self.cluster.http.patch(f"{path_of('rollout')}{part}", json=body, headers=MERGE).raise_for_status()

    def complete(self, version: str) -> bool:
        self.kubelet.make_ready()
        return self.target.converged(version).complete

    def is_past(self) -> bool:
        """Tell whether all that was made was made in a second that is over: Argo orders versions by that."""
        found = self.cluster.http.get(REPLICA_SETS).raise_for_status().json()["items"]
        made = max(datetime.fromisoformat(one["metadata"]["creationTimestamp"]) for one in found)
        return datetime.now(UTC) > made + timedelta(seconds=1)

    def is_stable(self) -> bool:
        """Tell whether the controller has called what serves stable: before that a way back is another thing to it."""
        status = self.cluster.http.get(path_of("rollout")).raise_for_status().json()["status"]
        return status.get("phase") == "Healthy" and status.get("stableRS") == status.get("currentPodHash")

    def waits(self) -> bool:
        """Tell whether the controller has observed everything and waits for a person."""
        self.kubelet.make_ready()
        found = self.cluster.http.get(path_of("rollout")).raise_for_status().json()
        status = found["status"]
        seen = status.get("observedGeneration") == str(found["metadata"]["generation"])
        return seen and bool(status.get("pauseConditions")) and status.get("availableReplicas") == 3


@pytest.fixture
def scene(real_cluster: RealCluster, tmp_path: Path) -> Iterator[Scene]:
    binary, missing = built("rollouts")
    if binary is None or BINARY is None:
        pytest.skip(missing or MISSING)
    for kind, plural, scope in ANALYSES:
        made = real_cluster.http.post(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            json=definition("argoproj.io", "v1alpha1", kind, plural, scope),
        )
        assert made.status_code in {201, 409}, made.text
    config = tmp_path / "administrator"
    config.write_text(json.dumps(real_cluster.kubeconfig(ADMIN)))
    place = kubernetes_place("rollout", real_cluster, tmp_path)
    ports = free_ports(2)
    flags = ["--namespaced", "--namespace=clinical", "--leader-elect=false"]
    flags += [f"--kubeconfig={config}", f"--metricsPort={ports[0]}", f"--healthzPort={ports[1]}"]
    made_scene = Scene(real_cluster, place.target)
    made_scene.patch({"spec": {"strategy": STEPS}})
    made_scene.patch({"status": None}, "/status")  # its controller says from the beginning how far it is
    with (tmp_path / "log").open("wb") as log:
        processes = [
            subprocess.Popen(command, stdout=log, stderr=log)
            for command in ([binary, *flags], [BINARY, "controllers", config])
        ]
        try:
            yield made_scene
        finally:
            for process in processes:
                ended(process)
            place.close()
            for folder in (REPLICA_SETS, PODS):
                real_cluster.http.delete(folder).raise_for_status()  # nobody else collects what is left


def test_a_way_back_within_the_window_walks_through_no_step_and_one_without_a_window_waits(scene: Scene) -> None:
    wait_until(lambda: len(scene.kubelet.versions()) == 3, within=PATIENCE_S, what="three pods to be made")
    wait_until(lambda: scene.complete("8"), within=PATIENCE_S, what="three pods of 8 to be counted")
    wait_until(scene.is_past, within=PATIENCE_S, what="the second in which 8 was made to be over")
    wait_until(scene.is_stable, within=PATIENCE_S, what="8 to be called stable")

    scene.swap("7")
    wait_until(scene.waits, within=PATIENCE_S, what="a third of 7 to wait for a person")
    assert sorted(scene.kubelet.versions()) == ["7", "8", "8"]
    assert not scene.target.converged("7").complete, "two of 8 still serve"
    scene.patch({"status": {"promoteFull": True}}, "/status")
    wait_until(lambda: scene.complete("7"), within=PATIENCE_S, what="three pods of 7 to be counted")
    assert scene.kubelet.versions() == ["7"] * 3
    wait_until(scene.is_stable, within=PATIENCE_S, what="7 to be called stable")

    scene.swap("8")
    wait_until(lambda: scene.complete("8"), within=PATIENCE_S, what="all of 8 to be back, though nobody promotes it")
    assert scene.kubelet.versions() == ["8"] * 3
    wait_until(scene.is_stable, within=PATIENCE_S, what="8 to be called stable again")

    scene.patch({"spec": {"rollbackWindow": None}})
    assert "rollbackWindow" in scene.target.preflight("7")[0]
    scene.swap("7")
    wait_until(scene.waits, within=PATIENCE_S, what="a way back without a window to wait for a person")
    assert not scene.target.converged("7").complete
