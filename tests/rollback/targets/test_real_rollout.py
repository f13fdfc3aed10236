"""A Deployment that Kubernetes' own controllers roll out on a real API server; only the kubelet is played."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from otel_clinical.rollback.targets import Conflicted, KubernetesResource, Swapped
from otel_clinical.rollback.targets.trial import trial, tried
from otel_clinical.simulate._waiting import wait_until
from tests.rollback.targets._api_server import ADMIN
from tests.rollback.targets._cluster import PODS, path_of
from tests.rollback.targets._kubelet import Kubelet
from tests.rollback.targets._programs import ended
from tests.rollback.targets.conftest import BINARY, MISSING, RESOURCES, kubernetes_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rollback.targets._places import KubernetesPlace
    from tests.rollback.targets._real_cluster import RealCluster

MARK = "otel-clinical/4/7"
PATIENCE_S = 60


@pytest.fixture
def deployment(real_cluster: RealCluster, tmp_path: Path) -> Iterator[KubernetesPlace]:
    """Return a Deployment of three that serves 8, under its real controllers."""
    if BINARY is None:
        pytest.skip(MISSING)
    config = tmp_path / "administrator"
    config.write_text(json.dumps(real_cluster.kubeconfig(ADMIN)))
    place = kubernetes_place("deployment", real_cluster, tmp_path)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([BINARY, "controllers", config], stdout=log, stderr=log)
        try:
            yield place
        finally:
            ended(process)
            place.close()
            for folder in (path_of("deployment").replace("deployments/coding", "replicasets"), PODS):
                real_cluster.http.delete(folder).raise_for_status()  # nobody else collects what is left


def swapped(target: KubernetesResource, version: str) -> None:
    """Swap as a follower does: what moves meanwhile is the status."""
    outcome = target.swap(target.read(), version, MARK)
    while isinstance(outcome, Conflicted):
        outcome = target.swap(outcome.active, version, MARK)
    assert isinstance(outcome, Swapped)


def test_a_rollout_by_the_real_controllers_has_converged_when_the_last_old_pod_is_gone(
    deployment: KubernetesPlace, real_cluster: RealCluster
) -> None:
    target, kubelet = deployment.target, Kubelet(real_cluster)
    wait_until(lambda: len(kubelet.versions()) == 3, within=PATIENCE_S, what="three pods to be made")
    wait_until(lambda: not target.converged("8").complete, within=PATIENCE_S, what="the controller to count none ready")
    kubelet.make_ready()
    wait_until(lambda: target.converged("8").complete, within=PATIENCE_S, what="three pods of 8 to be counted")

    swapped(target, "7")
    assert not target.converged("7").complete
    wait_until(lambda: "7" in kubelet.versions(), within=PATIENCE_S, what="a pod of 7 to be made")
    assert not target.converged("7").complete, "none of 7 is ready"
    seen = []

    def complete() -> bool:
        kubelet.make_ready(most=1)
        found = target.converged("7")
        seen.append(found.ready)
        return found.complete

    wait_until(complete, within=PATIENCE_S, what="three pods of 7 to be counted")
    assert kubelet.versions() == ["7"] * 3
    assert seen[0] < 3


def test_a_status_that_moves_is_no_reason_to_call_a_test_failed(
    deployment: KubernetesPlace, real_cluster: RealCluster
) -> None:
    kubelet = Kubelet(real_cluster)
    wait_until(lambda: len(kubelet.versions()) == 3, within=PATIENCE_S, what="three pods to be made")
    kubelet.make_ready()
    assert list(trial(deployment.target, ("7", "8"))) == []


@pytest.mark.parametrize("kind", RESOURCES)
def test_a_test_says_which_verb_a_real_server_refuses(real_cluster: RealCluster, tmp_path: Path, kind: str) -> None:
    place = kubernetes_place(kind, real_cluster, tmp_path)
    try:
        assert list(trial(place.target, ("7", "8"))) == [], "the shipped role is enough"
        before = real_cluster.http.get(path_of(kind)).json()
        place.forbid(pytest.MonkeyPatch())
        (said,) = tried(lambda: place.target, ("7", "8"), trial)[1]
        assert "answered 403 to patch: grant the verb patch on " in said
        assert real_cluster.http.get(path_of(kind)).json() == before
    finally:
        place.close()


def test_a_real_server_tells_a_value_that_it_does_not_take_from_a_conflict(
    real_cluster: RealCluster, tmp_path: Path
) -> None:
    place = kubernetes_place("deployment", real_cluster, tmp_path)
    try:
        field = type(place.field)(pointer="/spec/strategy/type")
        target = KubernetesResource("deployment", "clinical", "coding", field, config=place.config)
        assert "the API server refuses 7 there (422)" in target.preflight("7")[0]
        denied = target.swap(target.read(), "7", MARK)
        assert "the API server refuses 7 there (422)" in denied.because
    finally:
        place.close()


def test_in_a_pod_the_account_that_kubernetes_mounts_is_enough(
    real_cluster: RealCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = kubernetes_place("deployment", real_cluster, tmp_path)
    server = urlsplit(real_cluster.kubeconfig()["clusters"][0]["cluster"]["server"])
    authority = real_cluster.kubeconfig()["clusters"][0]["cluster"].get("certificate-authority")
    if authority is None:
        pytest.skip("the configured server names its authority in another way")
    (tmp_path / "token").write_text(real_cluster.token)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", server.hostname)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_CERT_FILENAME", authority)
    try:
        target = KubernetesResource("deployment", "clinical", "coding", place.field)
        assert list(trial(target, ("7", "8"))) == []
        swapped(target, "7")
        assert target.read().version == "7"
    finally:
        place.close()
