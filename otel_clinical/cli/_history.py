"""Read what the commands on a hospital's history share: the policy and the mapping of its columns."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from otel_clinical.cli._errors import CliError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from otel_clinical.backtest import Mapping
    from otel_clinical.policy import Policy, PolicyProblem


def read_documents(policy_file: Path, mapping_file: Path) -> tuple[Policy, Mapping]:
    """Return policy and mapping; a `CliError` names the mistakes of both."""
    from otel_clinical.backtest import read_mapping
    from otel_clinical.policy import PolicyErrors, load_policy

    problems: list[PolicyProblem] = []
    try:
        # The baseline may be frozen from the history itself, so a missing file is no mistake here.
        policy = load_policy(policy_file, baselines=False)
    except PolicyErrors as errors:
        problems += errors.problems
    try:
        mapping = read_mapping(mapping_file)
    except PolicyErrors as errors:
        problems += errors.problems
    if problems:
        raise CliError("policy or mapping has mistakes:\n" + "\n".join(str(problem) for problem in problems))
    return policy, mapping


@contextmanager
def history_errors() -> Iterator[None]:
    """Turn what is wrong with a history or a baseline into a sentence."""
    from otel_clinical.backtest import HistoryError
    from otel_clinical.policy import BaselineError

    try:
        yield
    except (HistoryError, BaselineError) as error:
        raise CliError(str(error)) from error
