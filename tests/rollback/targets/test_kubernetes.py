"""Resources of a Kubernetes API server that answers as a real one was measured to."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from otel_clinical.rollback.targets import (
    Conflicted,
    Denied,
    KubernetesResource,
    MissingExtraError,
    Swapped,
    Unreachable,
    VersionField,
)
from tests.rollback.targets._cluster import path_of
from tests.rollback.targets.conftest import kubernetes_place

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rollback.targets._cluster import Cluster
    from tests.rollback.targets._places import KubernetesPlace

MARK = "otel-clinical/4/7"


@pytest.fixture
def deployment(cluster: Cluster, tmp_path: Path) -> KubernetesPlace:
    return kubernetes_place("deployment", cluster, tmp_path)


@pytest.mark.parametrize(
    ("keeper", "metadata"),
    [
        ("Argo CD", {"annotations": {"argocd.argoproj.io/tracking-id": "x"}}),
        ("Flux", {"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}),
        ("Flux", {"labels": {"helm.toolkit.fluxcd.io/name": "x"}}),
        ("Argo CD", {"managedFields": [{"manager": "argocd-controller", "fieldsV1": {"f:spec": {}}}]}),
        ("Flux", {"managedFields": [{"manager": "kustomize-controller", "fieldsV1": {"f:spec": {}}}]}),
    ],
)
def test_what_a_repository_keeps_in_step_is_left_alone(deployment, cluster: Cluster, keeper, metadata) -> None:
    cluster.edit("deployment", lambda found: found["metadata"].update(metadata))
    denied = deployment.target.swap(deployment.target.read(), "7", MARK)
    assert isinstance(denied, Denied)
    assert keeper in denied.because
    assert any(keeper in problem for problem in deployment.target.preflight("7"))
    assert deployment.target.read().version == "8"


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"app.kubernetes.io/instance": "coding"}},  # Helm's, and Argo CD's where it tracks by label
        {"managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}]},
        {"managedFields": [{"manager": "argocd-controller", "fieldsV1": {"f:metadata": {}}}]},
    ],
)
def test_what_only_looks_like_a_repository_is_moved(deployment, cluster: Cluster, metadata) -> None:
    cluster.edit("deployment", lambda found: found["metadata"].update(metadata))
    assert isinstance(deployment.target.swap(deployment.target.read(), "7", MARK), Swapped)


def test_a_paused_repository_is_believed_when_a_person_says_so(deployment, cluster: Cluster) -> None:
    cluster.edit("deployment", lambda found: found["metadata"].update(labels={"kustomize.toolkit.fluxcd.io/name": "x"}))
    paused = KubernetesResource(
        "deployment", "clinical", "coding", deployment.field, config=deployment.config, gitops_paused=True
    )
    assert isinstance(paused.swap(paused.read(), "7", MARK), Swapped)


def test_a_lost_answer_is_found_at_the_next_look(deployment, cluster: Cluster) -> None:
    expected = deployment.target.read()
    cluster.lose_answer = True
    with pytest.raises(Unreachable):
        deployment.target.swap(expected, "7", MARK)
    again = deployment.target.swap(expected, "7", MARK)
    assert isinstance(again, Conflicted)
    assert again.active.marker == MARK


def test_a_status_that_changed_meanwhile_is_a_conflict_to_be_tried_again(deployment, cluster: Cluster) -> None:
    expected = deployment.target.read()
    cluster.edit("deployment", lambda found: found["status"].update(availableReplicas=2))
    conflict = deployment.target.swap(expected, "7", MARK)
    assert isinstance(conflict, Conflicted)
    assert isinstance(deployment.target.swap(conflict.active, "7", MARK), Swapped)


def test_has_converged_when_every_replica_runs_the_version_and_not_before(deployment, cluster: Cluster) -> None:
    deployment.target.swap(deployment.target.read(), "7", MARK)
    assert deployment.target.converged("7").ready == 0, "the status still speaks of the generation before"

    def rolled(updated: int, everything: int):
        def change(found) -> None:
            found["status"].update(
                observedGeneration=found["metadata"]["generation"],
                replicas=everything,
                updatedReplicas=updated,
                availableReplicas=3,
            )

        cluster.edit("deployment", change)
        return deployment.target.converged("7")

    assert not rolled(2, 4).complete
    assert not rolled(3, 4).complete, "a replica of the old template is still there"
    assert rolled(3, 3).complete


def test_a_rollout_without_a_rollback_window_would_take_every_step(cluster: Cluster, tmp_path: Path) -> None:
    place = kubernetes_place("rollout", cluster, tmp_path)
    cluster.edit("rollout", lambda found: found["spec"].pop("rollbackWindow"))
    assert "rollbackWindow" in place.target.preflight("7")[0]


@pytest.mark.parametrize("kind", ["deployment", "rollout"])
def test_a_change_of_a_paused_resource_would_not_be_rolled_out(cluster: Cluster, tmp_path: Path, kind: str) -> None:
    place = kubernetes_place(kind, cluster, tmp_path)
    cluster.edit(kind, lambda found: found["spec"].update(paused=True))
    assert "paused (spec.paused)" in place.target.preflight("7")[0]


def test_values_are_translated_both_ways(cluster: Cluster, tmp_path: Path) -> None:
    place = kubernetes_place("inference_service", cluster, tmp_path)
    values = {"7": "s3://models/coding/7", "8": "8"}
    target = KubernetesResource(
        "inference_service", "clinical", "coding", place.field, values=values, config=place.config
    )
    assert target.read().version == "8"
    swapped = target.swap(target.read(), "7", MARK)
    assert isinstance(swapped, Swapped)
    stored = cluster.resources[path_of("inference_service")]
    assert stored["spec"]["predictor"]["model"]["storageUri"] == "s3://models/coding/7"


def test_a_preflight_is_a_dry_run_that_finds_a_missing_permission(deployment, cluster: Cluster) -> None:
    cluster.forbid()
    (problem,) = deployment.target.preflight("7")
    assert "answered 403 to patch: grant the verb patch on deployments.apps named coding in namespace cl" in problem


def test_an_unknown_token_is_unreachable(deployment, cluster: Cluster, tmp_path: Path) -> None:
    config = tmp_path / "other"
    config.write_text(json.dumps(cluster.kubeconfig("wrong")))
    target = KubernetesResource("deployment", "clinical", "coding", deployment.field, config=config)
    with pytest.raises(Unreachable, match="answered 401 to get: it does not know the credentials"):
        target.read()


@pytest.mark.parametrize(
    "field",
    [
        VersionField(env="OTHER", container="model"),
        VersionField(env="MODEL_VERSION", container="sidecar"),
        VersionField(pointer="/spec/template/nothing"),
        VersionField(pointer="/spec/replicas"),
        VersionField(env="OTHER"),
    ],
)
def test_a_field_that_is_not_there_is_unreachable(deployment, field: VersionField) -> None:
    target = KubernetesResource("deployment", "clinical", "coding", field, config=deployment.config)
    with pytest.raises(Unreachable, match="coding"):
        target.read()


def test_the_patch_tests_the_names_it_relies_on(deployment, cluster: Cluster) -> None:
    """A container that moved to another place in the list must not get the version."""
    before, look = [deployment.target._get()], deployment.target._get
    cluster.edit(
        "deployment",
        lambda stored: stored["spec"]["template"]["spec"]["containers"].insert(0, {"name": "proxy", "env": []}),
    )
    deployment.target._get = lambda: before.pop() if before else look()  # read before the container moved
    assert isinstance(deployment.target.swap(deployment.target._active(before[0]), "7", MARK), Conflicted)
    assert deployment.target.read().version == "8"


def test_without_credentials_one_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="no credentials"):
        KubernetesResource("deployment", "a", "b", VersionField(env="V"), config=tmp_path / "nowhere")


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'otel-clinical\[kubernetes\]'"):
        KubernetesResource("deployment", "a", "b", VersionField(env="V"))
