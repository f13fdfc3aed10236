"""Every kind of place, serving version 8."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

import pytest

from otel_clinical.rollback.targets import MlflowAlias, VersionField
from tests.rollback.targets import _places
from tests.rollback.targets._cluster import Cluster
from tests.rollback.targets._real_cluster import RealCluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KINDS = ("pointer", "http", "command", "flagd", "mlflow", "deployment", "rollout", "inference_service")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URI of a real MLflow registry on SQLite."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/registry.db"
    with warnings.catch_warnings():  # its tables are mapped at first use, with what SQLAlchemy calls deprecated
        warnings.simplefilter("ignore")
        MlflowAlias(uri, "any", "champion", tmp_path_factory.getbasetemp() / "lock")._client.search_registered_models()
    return uri


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[_places.Place]:
    """Return one place after the other."""
    kind = request.param
    if kind == "mlflow":
        made: _places.Place = _places.MlflowPlace(tmp_path, request.getfixturevalue("registry"), tmp_path.name)
    elif kind in {"deployment", "rollout", "inference_service"}:
        # A real server where one is configured; the same tests hold for it.
        server = RealCluster.configured() or request.getfixturevalue("cluster")
        made = kubernetes_place(kind, server, tmp_path)
    else:
        made = getattr(_places, f"{kind.capitalize()}Place")(tmp_path)
    yield made
    made.close()


def kubernetes_place(kind: str, cluster: Cluster | RealCluster, folder: Path) -> _places.KubernetesPlace:
    config = folder / "kubeconfig"
    config.write_text(json.dumps(cluster.kubeconfig()))
    config.chmod(0o600)
    if kind == "inference_service":
        field = VersionField(pointer="/spec/predictor/model/storageUri")
    else:
        field = VersionField(env="MODEL_VERSION", container="model")
    return _places.KubernetesPlace(kind, cluster, config, field)
