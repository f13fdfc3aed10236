"""The places of the contract, each real where it can be, with a way to disturb it from outside."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from otel_clinical.release import ReleasePointer, create_pointer, read_pointer, swap_pointer
from otel_clinical.rollback.targets import (
    Command,
    FlagdFile,
    HttpHook,
    KubernetesResource,
    MlflowAlias,
    PointerFollower,
)
from otel_clinical.rollback.targets import VersionField as Field
from tests.rollback.targets._peer import Peer
from tests.rollback.targets._real_cluster import RealCluster

if TYPE_CHECKING:
    from otel_clinical.rollback.targets import VersionTarget
    from tests.rollback.targets._cluster import Cluster

SECRET = "a-secret-shared-with-the-peer"  # noqa: S105 -- of a peer in this file


class Place(Protocol):
    """A target and what the rest of the world can do to it. It serves version 8 at first, without a marker."""

    target: VersionTarget

    def move(self, version: str) -> None:
        """Change what serves as somebody else would, leaving any marker as it is."""

    def forbid(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take away the permission to change it."""

    def halve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the next swap stop half way: in the place, or on the way back from it."""

    def vanish(self) -> None:
        """Make it unreachable."""

    def close(self) -> None: ...


class PointerPlace:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "follower.json"
        create_pointer(self.path, ReleasePointer("coding", "8"))
        self.target = PointerFollower(self.path)

    def move(self, version: str) -> None:
        found = read_pointer(self.path)
        swap_pointer(
            self.path, found.epoch, lambda now: now.activate(version, at=time.time(), by="ana", marker=now.marker)
        )

    def forbid(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("otel_clinical.rollback.targets.pointer.swap_pointer", _refuse)

    def halve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "replace", _stop)
        monkeypatch.setattr(Path, "replace", _stop)

    def vanish(self) -> None:
        self.path.unlink()

    def close(self) -> None: ...


class FlagdPlace:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "flags.json"
        flag = {"state": "ENABLED", "variants": {"7": "7", "8": "8"}, "defaultVariant": "8"}
        other = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
        self.path.write_text(json.dumps({"flags": {"coding": flag, "other": other}}))
        self.target = FlagdFile(self.path, "coding", lock_timeout=0.2)

    def edit(self, **changes: Any) -> None:
        content = json.loads(self.path.read_text())
        content["flags"]["coding"].update(changes)
        self.path.write_text(json.dumps(content))

    def move(self, version: str) -> None:
        self.edit(defaultVariant=version)

    def forbid(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(self.target, "_write", _refuse)

    def halve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Path, "replace", _stop)

    def vanish(self) -> None:
        self.path.write_text("{")

    def close(self) -> None: ...


class HttpPlace:
    def __init__(self, folder: Path) -> None:
        (folder / "secret").write_text(SECRET)
        self.peer = Peer(SECRET)
        self.target = HttpHook(self.peer.url, folder / "secret", timeout=2.0)

    def move(self, version: str) -> None:
        self.peer.move(version)

    def forbid(self, monkeypatch: pytest.MonkeyPatch) -> None:
        del monkeypatch
        self.peer.answer = 403

    def halve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(self.peer, "unmarked", True)

    def vanish(self) -> None:
        self.peer.close()

    def close(self) -> None:
        self.peer.close()


PROGRAM = """
import fcntl, json, pathlib, sys
path = pathlib.Path(sys.argv[1])
turn = open(sys.argv[1] + ".lock", "a")
fcntl.flock(turn, fcntl.LOCK_EX)  # it must itself compare and change in one step
state = json.loads(path.read_text())
if sys.argv[2] == "swap":
    asked = json.load(sys.stdin)
    if state.get("forbidden"):
        sys.exit(4)
    if asked["expect"] != str(state["epoch"]):
        sys.exit(3)
    stops = state.pop("stops", False)
    marker = state["marker"] if stops else asked["marker"]
    state = {"version": asked["version"], "marker": marker, "epoch": state["epoch"] + 1}
    path.write_text(json.dumps(state))
    if stops:
        sys.exit(1)
print(json.dumps({"version": state["version"], "token": str(state["epoch"]), "marker": state["marker"]}))
"""


class CommandPlace:
    def __init__(self, folder: Path) -> None:
        self.state = folder / "state.json"
        self.state.write_text(json.dumps({"version": "8", "marker": "", "epoch": 1}))
        (folder / "program.py").write_text(PROGRAM)
        self.target = Command([sys.executable, "-I", str(folder / "program.py"), str(self.state)], timeout=30)

    def _edit(self, **changes: Any) -> None:
        found = json.loads(self.state.read_text())
        self.state.write_text(json.dumps(found | changes))

    def move(self, version: str) -> None:
        self._edit(version=version, epoch=json.loads(self.state.read_text())["epoch"] + 1)

    def forbid(self, monkeypatch: pytest.MonkeyPatch) -> None:
        del monkeypatch
        self._edit(forbidden=True)

    def halve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        del monkeypatch
        self._edit(stops=True)

    def vanish(self) -> None:
        self.state.unlink()

    def close(self) -> None: ...


class MlflowPlace:
    def __init__(self, folder: Path, uri: str, name: str) -> None:
        self.numbers = {"7": "1", "8": "2", "9": "3"}
        lock = folder / "mlflow.lock"
        self.target = MlflowAlias(uri, name, "champion", lock, versions=self.numbers, lock_timeout=0.2)
        self.client, self.name = self.target._client, name
        self.client.create_registered_model(name)
        for _ in self.numbers:
            self.client.create_model_version(name, "file:///nowhere", None)
        self.move("8")

    def move(self, version: str) -> None:
        self.client.set_registered_model_alias(self.name, "champion", self.numbers[version])

    def forbid(self, monkeypatch: pytest.MonkeyPatch) -> None:
        del monkeypatch
        self.target._client = _Forbidden(self.client)

    def halve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(self.target._client, "set_registered_model_tag", _stop)

    def vanish(self) -> None:
        self.client.delete_registered_model(self.name)

    def close(self) -> None: ...


class _Forbidden:
    """A registry that may be read and not written, as Databricks' and other guarded ones answer."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        if name.startswith("set_"):
            return self._refuse
        return getattr(self._client, name)

    def _refuse(self, *_: Any) -> None:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 -- an extra
        from mlflow.protos.databricks_pb2 import PERMISSION_DENIED  # noqa: PLC0415

        raise MlflowException("no", error_code=PERMISSION_DENIED)


@dataclass
class KubernetesPlace:
    """A resource of one kind in our own API server, or in a real one."""

    kind: str
    cluster: Cluster | RealCluster
    config: Path
    field: Field
    target: VersionTarget = field(init=False)

    def __post_init__(self) -> None:
        self.cluster.create(self.kind)
        self._connect()

    def _connect(self) -> None:
        self.target = KubernetesResource(self.kind, "clinical", "coding", self.field, config=self.config, timeout=5.0)

    def move(self, version: str) -> None:
        self.cluster.move(self.kind, version)

    def forbid(self, monkeypatch: pytest.MonkeyPatch) -> None:
        del monkeypatch
        if not self.cluster.read_only_token:
            pytest.skip("no token that may only read is configured")
        self.config.write_text(json.dumps(self.cluster.kubeconfig(self.cluster.read_only_token)))
        self._connect()

    def halve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Lose the answer: the server takes a patch whole or not at all."""
        patch = self.target._api.patch_namespaced_custom_object

        def lost(**options: Any) -> None:
            patch(**options)
            raise ConnectionError

        monkeypatch.setattr(self.target._api, "patch_namespaced_custom_object", lost)

    def vanish(self) -> None:
        self.cluster.delete(self.kind)

    def close(self) -> None:
        if isinstance(self.cluster, RealCluster):
            self.cluster.clear()


def _stop(*_: Any) -> None:
    raise ConnectionResetError


def _refuse(*_: Any) -> None:
    """Refuse as a file system does; permissions do not bind the user root, who runs many tests."""
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
