"""Lay out what the probe found, as Markdown between two markers of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BEGIN: Final = "<!-- begin: written by python -m benchmarks.peers -->"
END: Final = "<!-- end -->"
COST_ROWS: Final = {
    "cost": "caller's time with an SDK, as a multiple of a raw span",
    "cost_without_sdk": "caller's time with no SDK set up, as a multiple of a raw span",
}


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the table: a row per behaviour, a column per library."""
    heads = [f"{one['name']} {one['version']}" for one in found]
    rows = [[row, *(one["behaviour"][row]["text"] for one in found)] for row in found[0]["behaviour"]]
    rows += [[text, *(f"{one[key]:.1f}x" for one in found)] for key, text in COST_ROWS.items()]
    rows.append(["behaviours as expected", *(score(one) for one in found)])
    return "\n".join(_line(cells) for cells in [["behaviour", *heads], ["---"] * (len(heads) + 1), *rows])


def score(one: Mapping[str, Any]) -> str:
    """Return how many behaviours are as expected, of how many."""
    seen = one["behaviour"].values()
    return f"{sum(each['good'] for each in seen)} of {len(seen)}"


def replaced(document: str, section: str) -> str:
    """Return the document with the text between its markers replaced.

    Raises:
        ValueError: the document has no markers.
    """
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no lines {BEGIN!r} and {END!r}; put them where the table belongs")
    return f"{head}{BEGIN}\n{section}\n{END}{tail}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
