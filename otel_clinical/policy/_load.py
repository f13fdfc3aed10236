"""Load a policy file: every mistake at once, each with its line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from otel_clinical.policy._baseline_checks import check_baselines
from otel_clinical.policy._baseline_file import load_baseline
from otel_clinical.policy._checks import check_policy
from otel_clinical.policy._lenient import lenient
from otel_clinical.policy._open import with_open_values
from otel_clinical.policy._problems import PolicyErrors, PolicyProblem
from otel_clinical.policy._schema import ModelPolicy, Policy
from otel_clinical.policy._source import Source, parse_source, read_source
from otel_clinical.policy._translate import report_errors

_EXTENSION = "x-"
"""Top-level keys for the author's own anchors start with this and mean nothing."""


def load_policy(path: str | Path, *, baselines: bool = True) -> Policy:
    """Read, check and freeze the policy at `path`; its relative paths become absolute.

    With `baselines` false the baseline files are not opened: that is for making the first one.

    Raises:
        PolicyErrors: with every problem of the file and of its baselines.
    """
    path = Path(path)
    return _load(read_source(path), path, baselines=baselines)


def parse_policy(text: str, path: str | Path = "policy.yaml", *, baselines: bool = True) -> Policy:
    """Check a policy given as text; `path` stands for it in messages and anchors its relative paths."""
    path = Path(path)
    return _load(parse_source(text, str(path)), path, baselines=baselines)


def policy_problems(path: str | Path) -> tuple[PolicyProblem, ...]:
    """Return what is wrong with the policy at `path`; nothing means that it is fit for use."""
    try:
        load_policy(path)
    except PolicyErrors as errors:
        return errors.problems
    return ()


def _load(source: Source, path: Path, *, baselines: bool) -> Policy:
    if isinstance(source.data, dict):
        source.data = {k: v for k, v in source.data.items() if not k.startswith(_EXTENSION)}
    else:
        source.report((), "is not a mapping", "schema, fleet, drift, vocabulary, models")
        raise PolicyErrors(source.problems)
    policy: Policy | None = None
    try:
        policy = Policy.model_validate(source.data)
    except ValidationError as error:
        report_errors(error, source, Policy)
    parts = policy or lenient(Policy, source.data)
    check_policy(parts, source)
    if baselines:
        check_baselines(parts, source, path.absolute().parent)
    if source.problems or policy is None:
        raise PolicyErrors(source.problems)
    anchored = _anchored(policy, path.absolute())
    if baselines and any(model.open_segments for model in anchored.models.values()):
        return with_open_values(anchored, {name: load_baseline(m.baseline.file) for name, m in anchored.models.items()})
    return anchored


def _anchored(policy: Policy, path: Path) -> Policy:
    """Return the policy with absolute paths; its hash is of the content as written, the same anywhere."""
    models = {name: _with_paths(model, path.parent) for name, model in policy.models.items()}
    anchored = policy.model_copy(update={"models": models})
    anchored._path = path  # noqa: SLF001  -- private attributes are set once, here
    anchored._hash = _hash(policy)  # noqa: SLF001  -- the same
    return anchored


def _with_paths(model: ModelPolicy, folder: Path) -> ModelPolicy:
    baseline = model.baseline.model_copy(update={"file": folder / model.baseline.file})
    target = model.rollback.target.model_copy(update={"path": folder / model.rollback.target.path})
    rollback = model.rollback.model_copy(update={"target": target})
    return model.model_copy(update={"baseline": baseline, "rollback": rollback})


def _hash(policy: Policy) -> str:
    content: dict[str, Any] = policy.model_dump(mode="json", by_alias=True)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
