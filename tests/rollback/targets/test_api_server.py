"""What the Kubernetes target relies on is what an API server does: ours always, a real one where there is one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.rollback.targets._cluster import path_of, set_version
from tests.rollback.targets._real_cluster import RealCluster
from tests.rollback.targets.conftest import REAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.rollback.targets._cluster import Cluster

FIELDS = {
    "inference_service": "/spec/predictor/model/storageUri",
    "deployment": "/spec/template/spec/containers/0/env/0/value",
}
MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"


@dataclass
class Resource:
    """One resource that serves 8, seen over HTTP."""

    server: RealCluster
    kind: str

    def __post_init__(self) -> None:
        self.path, self.field = path_of(self.kind), FIELDS[self.kind]
        self.server.create(self.kind)

    def patch(self, body: Any, content_type: str = JSON_PATCH, *, path: str = "", **options: Any) -> httpx.Response:
        headers = {"Content-Type": content_type, **options.pop("headers", {})}
        return self.server.http.patch(path or self.path, json=body, headers=headers, **options)

    def get(self) -> dict[str, Any]:
        found: dict[str, Any] = self.server.http.get(self.path).raise_for_status().json()
        return found

    def swap(self, version: str, *, expect: str = "8") -> list[dict[str, Any]]:
        test = {"op": "test", "path": self.field, "value": expect}
        return [test, {"op": "replace", "path": self.field, "value": version}]

    def serves(self, version: str) -> bool:
        found = self.get()
        same = {"spec": found["spec"]}
        set_version(self.kind, same, version)
        return same["spec"] == self.get()["spec"]


@pytest.fixture(params=["ours", *(["real"] if REAL else [])])
def server(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[RealCluster]:
    with ExitStack() as held:
        if request.param == "real":
            found = request.getfixturevalue("real_cluster")
            held.callback(found.clear)
        else:
            found = RealCluster(cluster.kubeconfig(), cluster.read_only_token)
            held.callback(found.close)
        yield found


@pytest.fixture(params=sorted(FIELDS))
def resource(request: pytest.FixtureRequest, server: RealCluster) -> Resource:
    return Resource(server, request.param)


def test_a_real_one_is_asked_too(real_cluster: RealCluster) -> None:
    """Skipped, with the command that builds one, where there is none; everything here then holds for ours alone."""
    assert real_cluster.http.get("/version").raise_for_status().json()["gitVersion"].startswith("v1.")


def test_a_stale_resource_version_in_a_merge_patch_is_a_conflict(resource: Resource) -> None:
    stale = resource.get()["metadata"]["resourceVersion"]
    assert resource.patch(resource.swap("7")).status_code == 200
    late = {"metadata": {"resourceVersion": stale, "annotations": {"late": "x"}}}
    assert resource.patch(late, MERGE).status_code == 409
    assert resource.patch({"metadata": {"resourceVersion": stale}, "status": {}}, MERGE, path=f"{resource.path}/status"
                          ).status_code == 409  # fmt: skip


def test_a_test_that_fails_in_a_json_patch_is_invalid_and_changes_nothing(resource: Resource) -> None:
    assert resource.patch(resource.swap("9", expect="7")).status_code == 422
    stale = {"op": "test", "path": "/metadata/resourceVersion", "value": "1"}
    assert resource.patch([stale, *resource.swap("9")]).status_code == 422
    assert resource.serves("8")


def test_a_repetition_of_a_json_patch_is_invalid(resource: Resource) -> None:
    assert [resource.patch(resource.swap("7")).status_code for _ in range(2)] == [200, 422]


def test_of_eight_that_write_at_once_one_wins(resource: Resource) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda number: resource.patch(resource.swap(f"1{number}")).status_code, range(8)))
    assert sorted(codes) == [200, *[422] * 7]


@pytest.mark.parametrize(("token", "code"), [("nobody's", 401), ("", 403)])
def test_an_unknown_token_and_one_that_may_only_read_are_told_apart(resource: Resource, token: str, code: int) -> None:
    shown = token or resource.server.read_only_token
    if not shown:
        pytest.skip("no token that may only read is configured")
    headers = {"Authorization": f"Bearer {shown}"}
    assert resource.patch(resource.swap("7"), headers=headers).status_code == code
    assert resource.patch(resource.swap("7"), headers=headers, params={"dryRun": "All"}).status_code == code
    assert resource.server.http.get(resource.path, headers=headers).status_code == (401 if token else 200)


def test_what_is_not_there_is_not_found(resource: Resource) -> None:
    assert resource.server.http.get(f"{resource.path}-else").status_code == 404
    assert resource.patch(resource.swap("7"), path=f"{resource.path}-else").status_code == 404


@pytest.mark.parametrize(
    ("content", "content_type", "code"),
    [
        (b"[]", MERGE, 400),
        (b"{}", JSON_PATCH, 400),
        (b"{", MERGE, 400),
        (b"[{", JSON_PATCH, 400),
        (b"[]", "text/x", 415),
    ],
)
def test_a_body_that_is_not_what_its_type_says_is_refused(resource: Resource, content, content_type, code) -> None:
    headers = {"Content-Type": content_type}
    assert resource.server.http.patch(resource.path, content=content, headers=headers).status_code == code
    assert resource.serves("8")


@pytest.mark.parametrize(
    ("operation", "path"), [("replace", "/spec/nothing/x"), ("add", "/metadata/annotations/x"), ("move up", "/spec")]
)
def test_an_operation_that_has_no_place_is_invalid(resource: Resource, operation: str, path: str) -> None:
    assert resource.patch([{"op": operation, "path": path, "value": "9"}]).status_code == 422


def test_a_replacement_of_what_is_not_there_adds_it(server: RealCluster) -> None:
    """Against the letter of RFC 6902: so the target looks for the field itself."""
    resource = Resource(server, "inference_service")
    assert resource.patch([{"op": "replace", "path": "/spec/nothing", "value": "9"}]).status_code == 200
    assert resource.get()["spec"]["nothing"] == "9"


def test_a_status_in_a_patch_of_the_resource_is_dropped_without_a_word(resource: Resource) -> None:
    before = resource.get()
    assert resource.patch({"status": {"observedGeneration": 99}}, MERGE).status_code == 200
    assert resource.get()["status"] == before["status"]


def test_the_generation_grows_with_the_specification_and_the_resource_version_with_anything(resource: Resource) -> None:
    before = resource.get()["metadata"]
    resource.patch({"metadata": {"labels": {"note": "x"}}}, MERGE).raise_for_status()
    noted = resource.get()["metadata"]
    assert (noted["generation"], noted["resourceVersion"] != before["resourceVersion"]) == (before["generation"], True)
    resource.patch(resource.swap("7")).raise_for_status()
    assert resource.get()["metadata"]["generation"] == before["generation"] + 1


@pytest.mark.parametrize(("kind", "grown"), [("deployment", 1), ("inference_service", 0)])
def test_an_annotation_is_a_new_generation_of_a_deployment_and_of_nothing_else(server, kind: str, grown: int) -> None:
    resource = Resource(server, kind)
    before = resource.get()["metadata"]["generation"]
    resource.patch({"metadata": {"annotations": {"note": "x"}}}, MERGE).raise_for_status()
    assert resource.get()["metadata"]["generation"] == before + grown


def test_a_patch_that_changes_nothing_leaves_the_resource_version(resource: Resource) -> None:
    before = resource.get()["metadata"]["resourceVersion"]
    assert resource.patch(resource.swap("8")).status_code == 200
    assert resource.get()["metadata"]["resourceVersion"] == before


def test_a_change_of_the_status_leaves_the_generation_and_the_specification(resource: Resource) -> None:
    before = resource.get()
    change = {"status": {"observedGeneration": 7}, "spec": {"replicas": 9}}
    resource.patch(change, MERGE, path=f"{resource.path}/status").raise_for_status()
    after = resource.get()
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert (after["status"]["observedGeneration"], after["spec"]) == (7, before["spec"])


def test_a_dry_run_answers_and_changes_nothing(resource: Resource) -> None:
    before = resource.get()
    assert resource.patch(resource.swap("7"), params={"dryRun": "All"}).status_code == 200
    assert resource.get() == before


def test_a_change_is_noted_under_the_name_of_who_made_it(resource: Resource) -> None:
    resource.patch(resource.swap("7"), params={"fieldManager": "otel-clinical"}).raise_for_status()
    managed = resource.get()["metadata"]["managedFields"]
    assert [set(entry["fieldsV1"]) for entry in managed if entry["manager"] == "otel-clinical"] == [{"f:spec"}]
