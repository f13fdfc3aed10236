"""Every kind of place, serving version 8."""

from __future__ import annotations

import json
import os
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from otel_clinical.rollback.targets import MlflowAlias, VersionField
from tests.rollback.targets import _places
from tests.rollback.targets._api_server import serving
from tests.rollback.targets._cluster import Cluster
from tests.rollback.targets._programs import built
from tests.rollback.targets._real_cluster import VARIABLE, RealCluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RESOURCES = ("deployment", "rollout", "inference_service")
BINARY, MISSING = built("apiserver")
REAL = bool(BINARY or os.environ.get(VARIABLE))
KINDS = ("pointer", "http", "command", "flagd", "mlflow", *RESOURCES)
REAL_KINDS = tuple(f"{kind}-real" for kind in RESOURCES if REAL)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URI of a real MLflow registry on SQLite."""
    path = tmp_path_factory.mktemp("mlflow") / "registry.db"
    path.touch()  # as whoever keeps a registry has done
    uri = f"sqlite:///{path}"
    with warnings.catch_warnings():  # its tables are mapped at first use, with what SQLAlchemy calls deprecated
        warnings.simplefilter("ignore")
        MlflowAlias(uri, "any", "champion", tmp_path_factory.getbasetemp() / "lock")._client.search_registered_models()
    return uri


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


@pytest.fixture(scope="session")
def real_cluster() -> Iterator[RealCluster]:
    """Return a real API server: a configured one, or the one that is built; skip where there is neither."""
    configured = RealCluster.configured()
    if configured is None and BINARY is None:
        pytest.skip(MISSING)
    with ExitStack() as held:
        found = configured or RealCluster.of(held.enter_context(serving(BINARY)))
        held.callback(found.close)
        yield found


@pytest.fixture(params=(*KINDS, *REAL_KINDS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[_places.Place]:
    """Return one place after the other."""
    kind = request.param
    if kind == "mlflow":
        made: _places.Place = _places.MlflowPlace(tmp_path, request.getfixturevalue("registry"), tmp_path.name)
    elif kind in {*RESOURCES, *REAL_KINDS}:
        resource, _, real = kind.partition("-")
        made = kubernetes_place(resource, request.getfixturevalue(f"{real}_cluster" if real else "cluster"), tmp_path)
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
