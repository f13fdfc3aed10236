"""Read the policy file that a sub-command was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.cli._errors import CliError

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.policy import Policy


def read_policy(path: Path) -> Policy:
    """Return the policy.

    Raises:
        CliError: The file cannot be read or has mistakes; the text lists all of them.
    """
    from otel_clinical.policy import PolicyErrors, load_policy

    try:
        return load_policy(path)
    except PolicyErrors as errors:
        raise CliError(
            "the policy has mistakes:\n" + "\n".join(str(problem) for problem in errors.problems)
        ) from errors
