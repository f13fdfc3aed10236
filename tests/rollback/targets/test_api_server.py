"""What the Kubernetes target relies on is what an API server does: ours always, a real one where one is configured."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.rollback.targets._cluster import path_of
from tests.rollback.targets._real_cluster import RealCluster
from tests.rollback.targets.conftest import REAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.rollback.targets._cluster import Cluster

KIND = "inference_service"
PATH = path_of(KIND)
URI = "/spec/predictor/model/storageUri"
MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"


@pytest.fixture(params=["ours", *(["real"] if REAL else [])])
def server(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[RealCluster]:
    """One resource that serves 8, seen over HTTP."""
    with ExitStack() as held:
        if request.param == "real":
            found = request.getfixturevalue("real_cluster")
            held.callback(found.clear)
        else:
            found = RealCluster(cluster.kubeconfig(), cluster.read_only_token)
            held.callback(found.close)
        found.create(KIND)
        yield found


def test_a_real_one_is_asked_too(real_cluster: RealCluster) -> None:
    """Skipped, with the command that builds one, where there is none; everything here then holds for ours alone."""
    assert real_cluster.http.get("/version").raise_for_status().json()["gitVersion"].startswith("v1.")


def patch(
    server: RealCluster, body: Any, kind: str = JSON_PATCH, *, path: str = PATH, **options: Any
) -> httpx.Response:
    headers = {"Content-Type": kind, **options.pop("headers", {})}
    return server.http.patch(path, json=body, headers=headers, **options)


def get(server: RealCluster) -> dict[str, Any]:
    found: dict[str, Any] = server.http.get(PATH).raise_for_status().json()
    return found


def swap(version: str, *, expect: str = "8") -> list[dict[str, Any]]:
    return [{"op": "test", "path": URI, "value": expect}, {"op": "replace", "path": URI, "value": version}]


def test_a_stale_resource_version_in_a_merge_patch_is_a_conflict(server: RealCluster) -> None:
    stale = get(server)["metadata"]["resourceVersion"]
    assert patch(server, swap("7")).status_code == 200
    late = {"metadata": {"resourceVersion": stale}, "spec": {"predictor": {"model": {"storageUri": "9"}}}}
    assert patch(server, late, MERGE).status_code == 409


def test_a_test_that_fails_in_a_json_patch_is_invalid_and_changes_nothing(server: RealCluster) -> None:
    assert patch(server, swap("9", expect="7")).status_code == 422
    assert get(server)["spec"]["predictor"]["model"]["storageUri"] == "8"


def test_a_repetition_of_a_json_patch_is_invalid(server: RealCluster) -> None:
    assert [patch(server, swap("7")).status_code for _ in range(2)] == [200, 422]


def test_of_eight_that_write_at_once_one_wins(server: RealCluster) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda number: patch(server, swap(f"1{number}")).status_code, range(8)))
    assert sorted(codes) == [200, *[422] * 7]


@pytest.mark.parametrize(("token", "code"), [("nobody's", 401), ("", 403)])
def test_an_unknown_token_and_one_that_may_only_read_are_told_apart(server: RealCluster, token: str, code: int) -> None:
    shown = token or server.read_only_token
    if not shown:
        pytest.skip("no token that may only read is configured")
    headers = {"Authorization": f"Bearer {shown}"}
    assert patch(server, swap("7"), headers=headers).status_code == code
    assert server.http.get(PATH, headers=headers).status_code == (401 if token else 200)


def test_what_is_not_there_is_not_found(server: RealCluster) -> None:
    assert server.http.get(f"{PATH}-else").status_code == 404
    assert patch(server, swap("7"), path=f"{PATH}-else").status_code == 404


def test_a_list_that_is_called_a_merge_patch_is_a_bad_request(server: RealCluster) -> None:
    assert patch(server, swap("7"), MERGE).status_code == 400


def test_a_status_in_a_patch_of_the_resource_is_dropped_without_a_word(server: RealCluster) -> None:
    before = get(server)
    assert patch(server, {"status": {"conditions": []}}, MERGE).status_code == 200
    assert get(server)["status"] == before["status"]


def test_the_generation_grows_with_the_specification_and_the_resource_version_with_anything(
    server: RealCluster,
) -> None:
    before = get(server)["metadata"]
    patch(server, {"metadata": {"annotations": {"note": "x"}}}, MERGE).raise_for_status()
    noted = get(server)["metadata"]
    assert (noted["generation"], noted["resourceVersion"] != before["resourceVersion"]) == (before["generation"], True)
    patch(server, swap("7")).raise_for_status()
    assert get(server)["metadata"]["generation"] == before["generation"] + 1


def test_a_change_of_the_status_leaves_the_generation(server: RealCluster) -> None:
    before = get(server)["metadata"]["generation"]
    patch(server, {"status": {"observedGeneration": 7}}, MERGE, path=f"{PATH}/status").raise_for_status()
    after = get(server)
    assert (after["metadata"]["generation"], after["status"]["observedGeneration"]) == (before, 7)


def test_a_dry_run_answers_and_changes_nothing(server: RealCluster) -> None:
    before = get(server)
    assert patch(server, swap("7"), params={"dryRun": "All"}).status_code == 200
    assert get(server) == before
