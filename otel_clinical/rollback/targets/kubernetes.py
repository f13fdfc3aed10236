"""Switch a version in a Kubernetes resource: Deployment, Argo Rollout or KServe InferenceService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback.targets._base import Unreachable
from otel_clinical.rollback.targets._extra import MissingExtraError
from otel_clinical.rollback.targets._follow import Active, Conflicted, Convergence, Denied, Swapped
from otel_clinical.rollback.targets._resource import KINDS, Field, Kind, field_of, notes_of, owner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MARKER: Final = "otel-clinical.io/marker"
_PATCH: Final = "application/json-patch+json"
_CONFLICT: Final = frozenset({409, 422})
_DENIED: Final = frozenset({401, 403})
_ABSENT: Final = 404


class KubernetesResource:
    """One field of one resource that says which version serves.

    Changes are JSON patches that test the resource version, so that of two writers one wins. A resource that Argo CD
    or Flux keeps in step with a repository is not touched: they would undo the change within seconds.

    Args:
        kind: `deployment`, `rollout` or `inference_service`.
        namespace: Of the resource.
        name: Of the resource.
        field: Where the version stands.
        values: The field's text by version of the policy; the version itself by default.
        config: kubeconfig file; the pod's own service account where None.
        context: Context of the kubeconfig.
        gitops_paused: A person says that nothing will undo the change.
        timeout: Seconds for one request.

    Raises:
        MissingExtraError: `kubernetes` is not installed.
        Unreachable: there are no credentials.
    """

    compares = True

    def __init__(
        self,
        kind: str,
        namespace: str,
        name: str,
        field: Field,
        *,
        values: Mapping[str, str] | None = None,
        config: Path | None = None,
        context: str | None = None,
        gitops_paused: bool = False,
        timeout: float = 5.0,
    ) -> None:
        self._kind: Kind = KINDS[kind]
        self._at = {
            "group": self._kind.group,
            "version": self._kind.version,
            "plural": self._kind.plural,
            "namespace": namespace,
            "name": name,
        }
        self._field = field
        self._values = dict(values or {})
        self._versions = {value: version for version, value in self._values.items()}
        self._paused, self._timeout = gitops_paused, timeout
        self._of = f"{self._kind.plural} {namespace}/{name}"
        self._api, self._error = _connect(config, context)

    def read(self) -> Active:
        """Return the version that the field names; the token is the resource version."""
        return self._active(self._get())

    def swap(self, expect: Active, version: str, marker: str) -> Swapped | Conflicted | Denied:
        """Patch the field and our annotation if the resource version is the expected one."""
        found = self._get()
        keeper = owner(found)
        if keeper is not None and not self._paused:
            return Denied(
                f"{self._of} is kept in step by {keeper}, which would undo a change: pause it and set "
                "`gitops: paused`, or let the release pointer alone decide"
            )
        try:
            patched = self._patch(found, expect.token, version, marker)
        except self._error as error:
            if error.status in _CONFLICT:
                return self._conflicted(expect, error)
            if error.status in _DENIED:
                return Denied(f"{self._of}: the API server answered {error.status} to a patch; grant `patch` on it")
            raise self._unreachable("patched", error) from error
        except Exception as error:
            raise self._unreachable("patched", error) from error
        seen = self._active(patched)
        if (seen.version, seen.marker) != (version, marker):
            raise Unreachable(f"{self._of} took the patch to {version} but names {seen.version}")
        return Swapped(seen)

    def converged(self, version: str) -> Convergence:
        """Return how many replicas run the version, as the controller of the resource counts them."""
        found = self._get()
        return self._kind.progress(found) if self._active(found).version == version else Convergence(0, 1)

    def preflight(self, version: str) -> tuple[str, ...]:
        """Return what would keep a patch from working, by a dry run at the API server."""
        try:
            found = self._get()
        except Unreachable as error:
            return (str(error),)
        problems = list(self._kind.problems(found))
        keeper = owner(found)
        if keeper is not None and not self._paused:
            problems.append(f"{self._of} is kept in step by {keeper}, which would undo a change")
        try:
            self._patch(found, found["metadata"]["resourceVersion"], version, "otel-clinical/preflight", dry=True)
        except self._error as error:
            problems.append(f"{self._of}: a dry run of the patch was answered {error.status}")
        except Exception as error:  # noqa: BLE001 -- the client raises whatever its transport does
            problems.append(str(self._unreachable("patched", error)))
        return tuple(problems)

    def _active(self, found: dict[str, Any]) -> Active:
        value = field_of(found, self._field, self._of).value
        version = None if value is None else self._versions.get(value, value)
        return Active(version, found["metadata"]["resourceVersion"], notes_of(found).get(MARKER, ""))

    def _conflicted(self, expect: Active, error: Any) -> Conflicted:
        seen = self.read()
        if seen.token == expect.token:  # refused for another reason than a change by somebody else
            raise Unreachable(f"{self._of}: the API server answered {error.status} though nothing had changed")
        return Conflicted(seen)

    def _get(self) -> dict[str, Any]:
        try:
            found = self._api.get_namespaced_custom_object(**self._at, _request_timeout=self._timeout)
        except self._error as error:
            if error.status == _ABSENT:
                raise Unreachable(f"there is no {self._of} (the API server answered {_ABSENT})") from error
            raise self._unreachable("read", error) from error
        except Exception as error:
            raise self._unreachable("read", error) from error
        if not isinstance(found, dict) or "metadata" not in found:
            raise Unreachable(f"{self._of}: the API server answered something else than a resource")
        return found

    def _patch(
        self, found: dict[str, Any], token: str, version: str, marker: str, *, dry: bool = False
    ) -> dict[str, Any]:
        place = field_of(found, self._field, self._of)
        body = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": token},
            *place.tests,
            {"op": "replace", "path": place.path, "value": self._values.get(version, version)},
        ]
        if not found["metadata"].get("annotations"):
            body.append({"op": "add", "path": "/metadata/annotations", "value": {}})
        body.append({"op": "add", "path": f"/metadata/annotations/{MARKER.replace('/', '~1')}", "value": marker})
        options = {"dry_run": "All"} if dry else {}
        patched: dict[str, Any] = self._api.patch_namespaced_custom_object(
            **self._at, body=body, _content_type=_PATCH, _request_timeout=self._timeout, **options
        )
        return patched

    def _unreachable(self, done: str, error: Any) -> Unreachable:
        status = getattr(error, "status", None)
        why = f"the API server answered {status}" if status else type(error).__name__
        return Unreachable(f"{self._of} cannot be {done} ({why})")


def _connect(config: Path | None, context: str | None) -> tuple[Any, type[Any]]:
    try:
        from kubernetes import client  # noqa: PLC0415 -- an extra
        from kubernetes import config as credentials  # noqa: PLC0415
        from kubernetes.config import ConfigException  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("kubernetes", "a Kubernetes resource") from error
    settings: Any = client.Configuration()
    try:
        if config is None:
            credentials.load_incluster_config(client_configuration=settings)
        else:
            credentials.load_kube_config(str(config), context, client_configuration=settings, persist_config=False)
    except (ConfigException, OSError) as error:
        raise Unreachable(f"there are no credentials for Kubernetes: {error}") from error
    settings.retries = False  # a repeated patch conflicts; whoever asks decides when to ask again
    return client.CustomObjectsApi(client.ApiClient(settings)), client.ApiException
