"""Where a version is switched: the release pointer, and the places that follow it, each kind in a file of its own."""

from otel_clinical.rollback.targets._base import Applied, Change, Conflict, Target, Unreachable
from otel_clinical.rollback.targets._declared import declared_targets
from otel_clinical.rollback.targets._extra import MissingExtraError
from otel_clinical.rollback.targets._follow import (
    Active,
    Conflicted,
    Convergence,
    Denied,
    Step,
    Swapped,
    VersionTarget,
    marker_of,
    next_step,
)
from otel_clinical.rollback.targets._resource import Field as VersionField
from otel_clinical.rollback.targets.command import Command
from otel_clinical.rollback.targets.file import FileTarget
from otel_clinical.rollback.targets.flagd import FlagdFile
from otel_clinical.rollback.targets.http_hook import HttpHook
from otel_clinical.rollback.targets.kubernetes import KubernetesResource
from otel_clinical.rollback.targets.mlflow import MlflowAlias
from otel_clinical.rollback.targets.pointer import PointerFollower

__all__ = [
    "Active",
    "Applied",
    "Change",
    "Command",
    "Conflict",
    "Conflicted",
    "Convergence",
    "Denied",
    "FileTarget",
    "FlagdFile",
    "HttpHook",
    "KubernetesResource",
    "MissingExtraError",
    "MlflowAlias",
    "PointerFollower",
    "Step",
    "Swapped",
    "Target",
    "Unreachable",
    "VersionField",
    "VersionTarget",
    "declared_targets",
    "marker_of",
    "next_step",
]
