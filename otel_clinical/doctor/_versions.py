"""Hold the installed packages against the ranges that are known to work."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distributions, requires
from typing import TYPE_CHECKING, Final

from otel_clinical.doctor._finding import Finding, hint, ok, problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHECK: Final = "versions"
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*)(?:;(.*))?")
_BOUND = re.compile(r"(>=|<)\s*([0-9][0-9A-Za-z.]*)")


def judge_versions(requirements: Iterable[str], installed: Mapping[str, str]) -> list[Finding]:
    """Return the findings about installed packages.

    Args:
        requirements: Requirements of this package, as its metadata lists them.
        installed: Version by name of what is installed; what an extra would bring may be missing.
    """
    found: list[Finding] = []
    fit = 0
    for requirement in sorted(set(requirements)):
        name, bounds = _parse(requirement)
        have = installed.get(name)
        if have is None:
            continue
        if all(_holds(have, sign, bound) for sign, bound in bounds):
            fit += 1
        else:
            wanted = ",".join(f"{sign}{bound}" for sign, bound in bounds)
            advice = f"pip install '{name}{wanted}'"
            found.append(problem(CHECK, f"{name} {have} is outside the range known to work", advice))
    found += _apart(installed)
    if fit:
        found.insert(0, ok(CHECK, f"{fit} packages are in the ranges known to work"))
    return found


def _apart(installed: Mapping[str, str]) -> list[Finding]:
    """Return a finding when API, SDK and exporters are of different releases."""
    names = ("opentelemetry-api", "opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
    found = {installed[name].rpartition(".")[0] for name in names if name in installed}
    if len(found) < 2:  # noqa: PLR2004 -- it takes two to differ
        return []
    advice = "pip install --upgrade opentelemetry-api opentelemetry-sdk opentelemetry-exporter-otlp"
    return [hint(CHECK, f"OpenTelemetry packages of different releases ({', '.join(sorted(found))})", advice)]


def own_requirements() -> list[str]:
    """Return what this package requires, its extras included."""
    try:
        return [line for line in requires("otel-clinical") or [] if not line.startswith("otel-clinical")]
    except PackageNotFoundError:
        return []


def installed_packages() -> dict[str, str]:
    """Return the version of everything installed here, by lower-case name."""
    return {found.name.lower(): found.version for found in distributions() if found.name}


def is_before(have: str, floor: str) -> bool:
    """Tell whether a version comes before another, by their numbers.

    >>> is_before("2.42.0+ds", "2.42"), is_before("2.41.9", "2.42"), is_before("0.66b2", "0.66")
    (False, True, False)
    """
    return _numbers(have) < _numbers(floor)


def _parse(requirement: str) -> tuple[str, list[tuple[str, str]]]:
    matched = _REQUIREMENT.match(requirement)
    if matched is None:
        return "", []
    return matched[1].lower(), _BOUND.findall(matched[2])


def _holds(have: str, sign: str, bound: str) -> bool:
    return is_before(have, bound) if sign == "<" else not is_before(have, bound)


def _numbers(text: str) -> tuple[int, ...]:
    release = re.match(r"\d+(\.\d+)*", text)
    parts = [int(part) for part in release[0].split(".")] if release is not None else [0]
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return tuple(parts)
