"""Say what an answer of a Kubernetes API server means for a resource, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNKNOWN: Final = 401
FORBIDDEN: Final = 403
ABSENT: Final = 404
CONFLICT: Final = 409
INVALID: Final = 422


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of one resource.

    Args:
        resource: As a role calls it, such as `deployments.apps`.
        of: As a person does, such as `deployments clinical/coding`.
        namespace: Of the resource.
        name: Of the resource.
    """

    resource: str
    of: str
    namespace: str
    name: str

    def refused(self, verb: str, status: int) -> str:
        """Explain an answer to `get` or `patch`."""
        meaning = {
            UNKNOWN: "it does not know the credentials, or they have expired; renew them",
            FORBIDDEN: f"grant the verb {verb} on {self.resource} named {self.name} in namespace {self.namespace}; "
            "where it is granted, an admission policy refuses",
            ABSENT: f"it has no such resource, or no {self.resource} at all; compare resource, namespace, name and "
            "context",
        }.get(status)
        said = f"{self.of}: the API server answered {status} to {verb}"
        return f"{said}: {meaning}" if meaning else said

    def silent(self, verb: str, error: BaseException) -> str:
        """Explain that there was no answer."""
        return f"{self.of}: the API server does not answer to {verb} ({type(error).__name__})"

    def invalid(self, version: str) -> str:
        """Explain that what is asked for is not allowed, whoever asks."""
        return (
            f"{self.of}: the API server refuses {version} there ({INVALID}): the resource's definition or an admission "
            "policy does not allow it; `kubectl patch --dry-run=server` shows its words"
        )

    def kept(self, keeper: str) -> str:
        """Explain that a repository would undo a change."""
        return (
            f"{self.of} is kept in step by {keeper}, which would undo a change: pause it and set `gitops: paused`, or "
            "let the release pointer alone decide"
        )

    def unlisted(self, status: int) -> str:
        """Explain that the pods cannot be seen."""
        return (
            f"{self.of}: the API server answered {status} to list of its pods, and only they say which version they "
            f"serve; grant the verb list on pods in namespace {self.namespace}"
        )
