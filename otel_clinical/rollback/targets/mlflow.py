"""Switch a version by an alias of the MLflow model registry."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otel_clinical.rollback.targets._base import Unreachable
from otel_clinical.rollback.targets._extra import MissingExtraError
from otel_clinical.rollback.targets._follow import Active, Conflicted, Convergence, Denied, Swapped
from otel_clinical.rollback.targets._lock import take_lock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient

_SQLITE = "sqlite:///"
_DENIED = frozenset({"PERMISSION_DENIED", "UNAUTHENTICATED"})
_MISSING = "RESOURCE_DOES_NOT_EXIST"
_ABSENT = frozenset({_MISSING, "INVALID_PARAMETER_VALUE"})


class MlflowAlias:
    """An alias such as `champion` of one registered model.

    MLflow sets an alias whatever it was before, and keeps no history: it cannot compare. So changes of ours take
    turns by a lock, read the alias again under it, and leave a tag that tells our changes from other people's. A
    person who moves the alias within the few milliseconds between that look and the write is overwritten; whoever
    moves it later is found and kept.

    Args:
        uri: Tracking URI of the registry.
        name: Registered model.
        alias: Its alias.
        lock: File whose lock our processes take turns by.
        versions: MLflow's version number by version of the policy; the same by default.
        lock_timeout: Seconds to wait for another writer of ours.

    Raises:
        MissingExtraError: `mlflow` is not installed.
        Unreachable: there is no such registry.
    """

    compares = False
    rehearses = False

    def __init__(
        self,
        uri: str,
        name: str,
        alias: str,
        lock: Path,
        *,
        versions: Mapping[str, str] | None = None,
        lock_timeout: float = 5.0,
    ) -> None:
        self._client = _client(uri, lock_timeout)
        self._name, self._alias, self._lock = name, alias, lock
        self._lock_timeout = lock_timeout
        self._numbers = dict(versions or {})
        self._versions = {number: version for version, number in self._numbers.items()}

    @property
    def _tag(self) -> str:
        return f"otel_clinical.marker.{self._alias}"

    def read(self) -> Active:
        """Return the version that the alias names; the token is that version and our tag."""
        try:
            model = self._client.get_registered_model(self._name)
        except Exception as error:
            raise self._unreachable("read", error) from error
        number = model.aliases.get(self._alias)
        marker = model.tags.get(self._tag, "")
        version = None if number is None else self._versions.get(str(number), str(number))
        return Active(version, f"{number}|{marker}", marker)

    def swap(self, expect: Active, version: str, marker: str) -> Swapped | Conflicted | Denied:
        """Move the alias if it, and our tag, are as expected."""
        with Path(self._lock).open("a") as held:
            take_lock(held.fileno(), self._lock_timeout, of=self._lock)
            seen = self.read()
            if seen.token != expect.token:
                return Conflicted(seen)
            try:
                # The tag second: a stop in between leaves the right version without its mark, which is mended by
                # doing it again; the other way round it would look as if a person had moved the alias back.
                self._client.set_registered_model_alias(self._name, self._alias, self._numbers.get(version, version))
                self._client.set_registered_model_tag(self._name, self._tag, marker)
            except Exception as error:
                if _code(error) in _DENIED:
                    return Denied(
                        f"MLflow refuses to move alias {self._alias} of {self._name} ({_code(error)}); let the "
                        "controller's user edit this registered model"
                    )
                raise self._unreachable("changed", error) from error
            seen = self.read()
        if (seen.version, seen.marker) != (version, marker):
            raise Unreachable(f"alias {self._alias} of {self._name} was set to {version} but names {seen.version}")
        return Swapped(seen)

    def converged(self, version: str) -> Convergence:
        """Tell whether the alias names the version; who loaded it is not known to MLflow."""
        return Convergence(int(self.read().version == version), 1)

    def preflight(self, version: str) -> tuple[str, ...]:
        """Return why the alias could not be moved to `version`."""
        number = self._numbers.get(version, version)
        try:
            self.read()
            self._client.get_model_version(self._name, number)
        except Unreachable as error:
            return (str(error),)
        except Exception as error:  # noqa: BLE001 -- MLflow's stores raise whatever their database does
            if _code(error) in _ABSENT:
                return (
                    f"MLflow has no version {number} of {self._name}; register it, or correct the place's `versions`",
                )
            return (str(self._unreachable("read", error)),)
        return ()

    def _unreachable(self, done: str, error: Exception) -> Unreachable:
        code = _code(error)
        if code == _MISSING:
            return Unreachable(
                f"MLflow has no registered model {self._name} ({code}); compare the place's name and uri"
            )
        why = "let the controller's user read it" if code in _DENIED else "see that the registry runs, and compare uri"
        kind = code or type(error).__name__
        return Unreachable(f"MLflow's registered model {self._name} cannot be {done} ({kind}); {why}")


def _code(error: Exception) -> str:
    return str(getattr(error, "error_code", ""))


def _client(uri: str, timeout: float) -> MlflowClient:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read at import; nothing here calls home
    # Its own defaults try a registry that is away for more than four minutes; whoever follows the pointer tries again.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(math.ceil(timeout)))
    try:
        from mlflow import MlflowClient  # noqa: PLC0415 -- an extra, and more than a second of import
    except ImportError as error:
        raise MissingExtraError("mlflow", "an MLflow alias") from error
    _check_file(uri)
    try:
        client: Any = MlflowClient(tracking_uri=uri, registry_uri=uri)
    except Exception as error:  # an address may hold a password, so it is not said
        raise Unreachable(f"MLflow takes no such uri ({type(error).__name__}); expected one of a registry") from error
    made: MlflowClient = client
    return made


def _check_file(uri: str) -> None:
    """Raise `Unreachable` where the database is a file that is not there: MLflow would make an empty one."""
    path = uri.removeprefix(_SQLITE).partition("?")[0]
    if uri.startswith(_SQLITE) and path and not Path(path).is_file():
        raise Unreachable(f"there is no registry {path}; compare uri with the one that the registry is served from")
