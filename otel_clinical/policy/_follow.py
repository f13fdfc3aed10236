"""The part of the policy that names the places which follow the release pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from otel_clinical.policy._names import FilePath, MetricName, Version, WebAddress, text
from otel_clinical.policy._quantities import Duration
from otel_clinical.policy._section import Section

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

Word = Annotated[str, BeforeValidator(text), Field(min_length=1, max_length=256)]
Timeout = Annotated[Duration, Field(gt=0, le=60)]
Translation = Annotated[dict[Version, Word], Field(max_length=20)]


_MODEL_FIELD: Final = "field, such as /spec/predictor/model/storageUri"


class _Place(Section):
    timeout: Timeout = Field(default=5.0, description="Time within which the place must answer.")


class FollowPointer(_Place):
    """Another release pointer, such as one on a disk that other hosts read."""

    kind: Literal["pointer"] = Field(description="What follows.")
    path: FilePath = Field(description="The pointer, absolute or relative to the policy file.")


class FollowHttp(_Place):
    """An address of a deployment system that answers signed requests."""

    kind: Literal["http"] = Field(description="What follows.")
    url: WebAddress = Field(description="Address that is read with GET and changed with POST.")
    secret_file: FilePath = Field(description="File with the shared secret that signs the requests.")


class FollowCommand(_Place):
    """A program that is run with `read` or `swap`."""

    kind: Literal["command"] = Field(description="What follows.")
    argv: Annotated[tuple[Word, ...], Field(min_length=1, max_length=32)] = Field(
        description="Program and arguments; no shell expands them."
    )
    environment: Annotated[tuple[Word, ...], Field(max_length=32)] = Field(
        default=(), description="Names of variables that the program may see, beside PATH."
    )


class FollowMlflow(_Place):
    """An alias of a registered model in MLflow."""

    kind: Literal["mlflow"] = Field(description="What follows.")
    uri: Word = Field(description="Tracking URI of the registry.")
    name: Word = Field(description="Registered model.")
    alias: Word = Field(description="Alias that services load by, such as champion.")
    versions: Translation = Field(default={}, description="MLflow's version number by version of this policy.")


class FollowFlagd(_Place):
    """A flag in a file of flagd, as OpenFeature providers read it."""

    kind: Literal["flagd"] = Field(description="What follows.")
    path: FilePath = Field(description="The flag file (JSON).")
    flag: Word = Field(description="Key of the flag; its variants are the versions.")


class FollowKubernetes(_Place):
    """A field of a Kubernetes resource."""

    kind: Literal["kubernetes"] = Field(description="What follows.")
    resource: Literal["deployment", "rollout", "inference_service"] = Field(
        description="Deployment, Argo Rollout or KServe InferenceService."
    )
    namespace: Word = Field(description="Namespace of the resource.")
    name: Word = Field(description="Name of the resource.")
    container: Word | None = Field(default=None, description="Container whose variable names the version.")
    env: Word | None = Field(default=None, description="That variable.")
    field: Annotated[str, BeforeValidator(text), Field(pattern=r"^(/[^/]+)+$", max_length=256)] | None = Field(
        default=None, description="JSON pointer of the text that names the version, in place of a variable."
    )
    values: Translation = Field(default={}, description="Text of that field by version of this policy.")
    config: FilePath | None = Field(default=None, description="kubeconfig; the pod's service account without it.")
    context: Word | None = Field(default=None, description="Context of the kubeconfig.")
    gitops: Literal["guarded", "paused"] = Field(
        default="guarded", description="paused: a person says that nothing will undo a change."
    )


Follower = Annotated[
    FollowPointer | FollowHttp | FollowCommand | FollowMlflow | FollowFlagd | FollowKubernetes,
    Field(discriminator="kind"),
]
Followers = Annotated[dict[MetricName, Follower], Field(max_length=10)]


def check_followers(
    followers: Mapping[str, Follower], versions: Collection[str]
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield what is wrong between the parts of a follower, and with the versions that it translates."""
    for name, place in followers.items():
        at = ("rollback", "follow", name)
        if isinstance(place, FollowKubernetes) and (place.env is None) == (place.field is None):
            yield at, "names neither or both of env and field", "one of env (a variable) and field (a JSON pointer)"
        elif isinstance(place, FollowKubernetes) and place.resource == "inference_service" and place.env is not None:
            yield (*at, "env"), "an InferenceService has no variable that names its model", _MODEL_FIELD
        for key in ("versions", "values"):
            for version in getattr(place, key, {}):
                if version not in versions:
                    yield (*at, key, version), f'"{version}" is no version of this model', ", ".join(versions)


def check_pointers(
    followers: Mapping[str, Follower], pointer: Path
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield followers that are the release pointer itself."""
    for name, place in followers.items():
        if isinstance(place, FollowPointer) and place.path == pointer:
            yield ("rollback", "follow", name, "path"), f'"{place.path}" is the release pointer itself', "another file"
