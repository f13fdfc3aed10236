"""Switch a version in a Kubernetes resource: Deployment, Argo Rollout or KServe InferenceService."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback.targets._base import Unreachable
from otel_clinical.rollback.targets._extra import MissingExtraError
from otel_clinical.rollback.targets._follow import Active, Conflicted, Convergence, Denied, Swapped
from otel_clinical.rollback.targets._kube_words import CONFLICT, FORBIDDEN, INVALID, UNKNOWN, Words
from otel_clinical.rollback.targets._pods import selector_of, served_by
from otel_clinical.rollback.targets._resource import KINDS, Field, Kind, field_of, notes_of, owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MARKER: Final = "otel-clinical.io/marker"
_PATCH: Final = "application/json-patch+json"
_MANAGER: Final = "otel-clinical"
_CONFLICT: Final = frozenset({CONFLICT, INVALID})
_DENIED: Final = frozenset({UNKNOWN, FORBIDDEN})


class KubernetesResource:
    """One field of one resource that says which version serves.

    Changes are JSON patches that test the resource version, so that of two writers one wins; they are made under the
    field manager `otel-clinical`. A resource that Argo CD or Flux keeps in step with a repository is not touched: they
    would undo the change within seconds.

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
    rehearses = True

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
        self._words = Words(self._kind.resource, self._of, namespace, name)
        self._api, self._pods, self._error = _connect(config, context)

    def read(self) -> Active:
        """Return the version that the field names; the token is the resource version."""
        return self._active(self._get())

    def swap(self, expect: Active, version: str, marker: str) -> Swapped | Conflicted | Denied:
        """Patch the field and our annotation if the resource version is the expected one."""
        found = self._get()
        keeper = owner(found)
        if keeper is not None and not self._paused:
            return Denied(self._words.kept(keeper))
        try:
            patched = self._patch(found, expect.token, version, marker)
        except self._error as error:
            if error.status in _CONFLICT:
                return self._conflicted(expect, version, error)
            if error.status in _DENIED:
                return Denied(self._words.refused("patch", error.status))
            raise self._unreachable("patch", error) from error
        except Exception as error:
            raise self._unreachable("patch", error) from error
        seen = self._active(patched)
        if (seen.version, seen.marker) != (version, marker):
            raise Unreachable(f"{self._of} took the patch to {version} but names {seen.version}")
        return Swapped(seen)

    def converged(self, version: str) -> Convergence:
        """Return how many replicas run the version: as their controller counts them, or as the pods themselves say."""
        found = self._get()
        active = self._active(found)
        if active.version != version:
            return Convergence(0, 1)
        if self._kind.progress is not None:
            return self._kind.progress(found)
        may_sleep = found.get("spec", {}).get("predictor", {}).get("minReplicas") == 0
        place = field_of(found, self._field, self._of)
        return served_by(self._listed(), place, (MARKER, active.marker), may_sleep=may_sleep)

    def preflight(self, version: str) -> tuple[str, ...]:
        """Return what would keep a patch from working, by a dry run at the API server."""
        try:
            found = self._get()
        except Unreachable as error:
            return (str(error),)
        problems = [f"{self._of}: {problem}" for problem in self._kind.problems(found)]
        keeper = owner(found)
        if keeper is not None and not self._paused:
            problems.append(self._words.kept(keeper))
        try:
            self._patch(found, None, version, "otel-clinical/preflight", dry=True)
        except self._error as error:
            invalid = error.status == INVALID
            problems.append(self._words.invalid(version) if invalid else self._words.refused("patch", error.status))
        except Unreachable as error:
            problems.append(str(error))
        except Exception as error:  # noqa: BLE001 -- the client raises whatever its transport does
            problems.append(str(self._unreachable("patch", error)))
        if self._kind.progress is None:
            problems.extend(self._unlisted())
        return tuple(problems)

    def _unlisted(self) -> Iterator[str]:
        """Yield why the pods cannot be listed, without which nobody knows which version they serve."""
        try:
            self._listed()
        except Unreachable as error:
            yield str(error)

    def _active(self, found: dict[str, Any]) -> Active:
        value = field_of(found, self._field, self._of).value
        version = None if value is None else self._versions.get(value, value)
        return Active(version, found["metadata"]["resourceVersion"], notes_of(found).get(MARKER, ""))

    def _conflicted(self, expect: Active, version: str, error: Any) -> Conflicted | Denied:
        seen = self.read()
        if seen.token != expect.token:
            return Conflicted(seen)
        if error.status == INVALID:  # nobody changed it: what we ask for is not allowed
            return Denied(self._words.invalid(version))
        raise Unreachable(f"{self._of}: the API server answered {error.status} though nothing had changed")

    def _get(self) -> dict[str, Any]:
        try:
            found = self._api.get_namespaced_custom_object(**self._at, _request_timeout=self._timeout)
        except Exception as error:
            raise self._unreachable("get", error) from error
        if not isinstance(found, dict) or "metadata" not in found:
            raise Unreachable(f"{self._of}: the API server answered something else than a resource")
        return found

    def _listed(self) -> list[dict[str, Any]]:
        namespace, labels = self._at["namespace"], selector_of(self._at["name"])
        try:
            answer = self._pods.list_namespaced_pod(
                namespace, label_selector=labels, _preload_content=False, _request_timeout=self._timeout
            )
            pods: list[dict[str, Any]] = json.loads(answer.data)["items"]
        except Exception as error:
            status = getattr(error, "status", None)
            said = self._words.unlisted(status) if status else self._words.silent("list", error)
            raise Unreachable(said) from error
        return pods

    def _patch(
        self, found: dict[str, Any], token: str | None, version: str, marker: str, *, dry: bool = False
    ) -> dict[str, Any]:
        """Send the patch; without a token whatever else changed in between does not matter."""
        place = field_of(found, self._field, self._of)
        unchanged = {"op": "test", "path": "/metadata/resourceVersion", "value": token}
        body = [
            *([unchanged] if token is not None else ()),
            *place.tests,
            {"op": "replace", "path": place.path, "value": self._values.get(version, version)},
        ]
        if not found["metadata"].get("annotations"):
            body.append({"op": "add", "path": "/metadata/annotations", "value": {}})
        body.append({"op": "add", "path": f"/metadata/annotations/{MARKER.replace('/', '~1')}", "value": marker})
        options = {"dry_run": "All"} if dry else {}
        patched: dict[str, Any] = self._api.patch_namespaced_custom_object(
            **self._at,
            body=body,
            field_manager=_MANAGER,
            _content_type=_PATCH,
            _request_timeout=self._timeout,
            **options,
        )
        return patched

    def _unreachable(self, verb: str, error: Any) -> Unreachable:
        status = getattr(error, "status", None)
        return Unreachable(self._words.refused(verb, status) if status else self._words.silent(verb, error))


def _connect(config: Path | None, context: str | None) -> tuple[Any, Any, type[Any]]:
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
    connection = client.ApiClient(settings)
    return client.CustomObjectsApi(connection), client.CoreV1Api(connection), client.ApiException
