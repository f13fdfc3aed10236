"""`otel-clinical check`: say everything that is wrong with a policy file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from otel_clinical.policy import Policy, PolicyProblem

    _Result = tuple[str, Policy | None, tuple[PolicyProblem, ...], tuple[str, ...]]


@click.command("check")
@click.argument("policies", nargs=-1, required=True, type=click.Path(dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
@click.option("--no-baselines", is_flag=True, help="Do not open the baseline files.")
@click.option(
    "--weeks",
    type=click.FloatRange(min=0, min_open=True),
    default=26,
    show_default=True,
    help="Warn of segments that wait longer for the labels of the last tier.",
)
def command(*, policies: tuple[str, ...], as_json: bool, no_baselines: bool, weeks: float) -> None:
    """Check POLICIES and print every problem as `file:line: key: problem; allowed: …`.

    What is allowed and yet seldom meant is a warning, which does not make a policy unfit.

    Exits with 0 when all are fit for use, with 1 when any is not.
    """
    from otel_clinical.policy import PolicyErrors, load_policy

    results: list[_Result] = []
    for path in policies:
        try:
            policy = load_policy(path, baselines=not no_baselines)
        except PolicyErrors as errors:
            results.append((path, None, errors.problems, ()))
        else:
            results.append((path, policy, (), _warnings(policy, None if no_baselines else weeks)))
    if as_json:
        documents = [_document(*result) for result in results]
        click.echo(json.dumps(documents[0] if len(documents) == 1 else documents, indent=2))
    else:
        for result in results:
            _print(*result)
    if any(problems for _, _, problems, _ in results):
        raise click.exceptions.Exit(1)


def _warnings(policy: Policy, weeks: float | None) -> tuple[str, ...]:
    from otel_clinical.policy import policy_warnings, thin_segments

    thin = () if weeks is None else thin_segments(policy, weeks=weeks)
    return policy_warnings(policy) + thin


def _document(
    path: str, policy: Policy | None, problems: tuple[PolicyProblem, ...], warnings: tuple[str, ...]
) -> dict[str, object]:
    return {
        "file": path,
        "ok": not problems,
        "hash": None if policy is None else policy.hash,
        "problems": [problem.as_dict() for problem in problems],
        "warnings": list(warnings),
    }


def _print(path: str, policy: Policy | None, problems: tuple[PolicyProblem, ...], warnings: tuple[str, ...]) -> None:
    for problem in problems:
        click.echo(str(problem))
    if policy is None:
        count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
        click.echo(f"{path}: {count}", err=True)
        return
    for warning in warnings:
        click.echo(f"{path}: warning: {warning}", err=True)
    models = ", ".join(policy.models)
    click.echo(f"{path}: ok; models: {models}; {policy.hash}")
