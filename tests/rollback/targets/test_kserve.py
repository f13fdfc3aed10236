"""An InferenceService, whose status does not say what its pods serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_clinical.rollback.targets import KubernetesResource, Unreachable, VersionField
from otel_clinical.rollback.targets.kubernetes import MARKER
from otel_clinical.rollback.targets.trial import trial
from tests.rollback.targets._cluster import path_of, pod
from tests.rollback.targets.conftest import kubernetes_place

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rollback.targets._cluster import Cluster
    from tests.rollback.targets._places import KubernetesPlace

KIND = "inference_service"
MARK = "otel-clinical/4/7"


@pytest.fixture
def service(cluster: Cluster, tmp_path: Path) -> KubernetesPlace:
    return kubernetes_place(KIND, cluster, tmp_path)


def test_has_converged_when_every_pod_was_started_with_the_version_and_is_ready(service, cluster: Cluster) -> None:
    service.target.swap(service.target.read(), "7", MARK)
    assert service.target.converged("7").ready == 0, "KServe has not even looked, whatever the status says"
    cluster.show_pods(pod("a", "8"), pod("b", "8"), pod("c", "7", ready=False))
    assert (service.target.converged("7").ready, service.target.converged("7").total) == (0, 3)
    cluster.show_pods(pod("a", "8"), pod("c", "7"))
    assert not service.target.converged("7").complete, "a pod of the old version still serves"
    cluster.show_pods(pod("c", "7"), pod("d", "7"))
    assert service.target.converged("7").complete


def test_a_pod_that_ends_or_has_ended_serves_nothing(service, cluster: Cluster) -> None:
    service.target.swap(service.target.read(), "7", MARK)
    ending, failed = pod("a", "8"), pod("b", "8")
    ending["metadata"]["deletionTimestamp"] = "2026-11-30T08:00:00Z"
    failed["status"]["phase"] = "Failed"
    cluster.show_pods(ending, failed, pod("c", "7"))
    assert service.target.converged("7").complete


def test_pods_of_another_service_are_not_asked(service, cluster: Cluster) -> None:
    other = pod("a", "8")
    other["metadata"]["labels"]["serving.kserve.io/inferenceservice"] = "triage"
    service.target.swap(service.target.read(), "7", MARK)
    cluster.show_pods(other, pod("c", "7"))
    assert service.target.converged("7").complete


@pytest.mark.parametrize(("fewest", "complete"), [(0, True), (1, False), (None, False)])
def test_without_a_pod_it_has_converged_only_where_it_may_sleep(service, cluster: Cluster, fewest, complete) -> None:
    cluster.edit(KIND, lambda found: found["spec"]["predictor"].update(minReplicas=fewest))
    cluster.show_pods()
    assert service.target.converged("8").complete is complete


def test_where_another_field_names_the_version_the_marker_on_the_pods_tells(cluster: Cluster, tmp_path: Path) -> None:
    place = kubernetes_place(KIND, cluster, tmp_path)
    cluster.edit(KIND, lambda found: found["spec"]["predictor"]["model"].update(runtimeVersion="8"))
    field = VersionField(pointer="/spec/predictor/model/runtimeVersion")
    target = KubernetesResource(KIND, "clinical", "coding", field, config=place.config)
    assert not target.converged("8").complete, "nothing on these pods says so"
    target.swap(target.read(), "7", MARK)
    cluster.show_pods(pod("a", "8", **{MARKER: "otel-clinical/3/8"}))
    assert not target.converged("7").complete
    cluster.show_pods(pod("a", "8", **{MARKER: MARK}))
    assert target.converged("7").complete


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda spec: spec["predictor"].update(canaryTrafficPercent=20), "would be given 20 % of the requests"),
        (lambda spec: spec["predictor"].update(canaryTrafficPercent=0), "would be given 0 % of the requests"),
        (lambda spec: spec.update(canary=[{"trafficPercent": 20}]), "spec.canary keeps its share"),
    ],
)
def test_a_change_that_would_not_reach_every_request_is_named(service, cluster: Cluster, change, said: str) -> None:
    cluster.edit(KIND, lambda found: change(found["spec"]))
    (problem,) = service.target.preflight("7")
    assert said in problem


def test_a_canary_of_everything_is_none(service, cluster: Cluster) -> None:
    cluster.edit(KIND, lambda found: found["spec"]["predictor"].update(canaryTrafficPercent=100))
    assert service.target.preflight("7") == ()


def test_pods_that_may_not_be_listed_are_named_with_the_verb(service, cluster: Cluster) -> None:
    cluster.hide_pods = True
    (problem,) = service.target.preflight("7")
    assert "grant the verb list on pods in namespace clinical" in problem
    with pytest.raises(Unreachable, match="grant the verb list on pods"):
        service.target.converged("8")


def test_a_test_writes_nothing_for_a_mark_alone_would_restart_every_pod(service, cluster: Cluster) -> None:
    """KServe copies the annotations of the service to its pods."""
    before = dict(cluster.resources[path_of(KIND)])
    assert list(trial(service.target, ("7", "8"))) == []
    assert cluster.resources[path_of(KIND)] == before
