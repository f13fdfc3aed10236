"""What is wrong with a policy or a baseline file, where, and what would be right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Path = tuple[str | int, ...]
"""Where a value stands in a document: keys and list positions from the top."""

MISSING = "is missing"


@dataclass(frozen=True, slots=True, order=True)
class PolicyProblem:
    """One mistake: `file:line: key: problem; allowed: …`.

    `line` counts from 1; 0 means that the problem belongs to no line. `key` is the dotted path of the value,
    with list positions in brackets; it is empty for a problem of the whole file.
    """

    file: str
    line: int
    key: str
    problem: str
    allowed: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        word = "expected" if self.problem == MISSING else "allowed"
        allowed = f"; {word}: {self.allowed}" if self.allowed else ""
        return f"{where}:{key} {self.problem}{allowed}"

    def as_dict(self) -> dict[str, str | int]:
        """Return the problem as JSON-ready values."""
        return {
            "file": self.file,
            "line": self.line,
            "key": self.key,
            "problem": self.problem,
            "allowed": self.allowed,
        }


class PolicyErrors(Exception):  # noqa: N818  -- one exception that carries every error of the file
    """A policy file has mistakes; `problems` holds all of them, in file order."""

    def __init__(self, problems: Iterable[PolicyProblem]) -> None:
        self.problems: tuple[PolicyProblem, ...] = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class BaselineError(ValueError):
    """A baseline file is missing, malformed or contradicts itself; the text says which and where."""


def dotted(path: Sequence[str | int]) -> str:
    """Write a path as people do.

    >>> dotted(("models", "coding", "segments", "payer", 2))
    'models.coding.segments.payer[2]'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
