"""Records with patient data in every leaf, of every kind that a function may be given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.phi._marker import NUMBER, marker

if TYPE_CHECKING:
    from collections.abc import Callable

AT = 1_700_000_000.0


def text(place: str) -> str:
    """Return a text that no rule takes for a word of a developer's."""
    return f"Jane {marker(place)}"


class Patient:
    """A record with a marker in every leaf, that shows itself whenever somebody looks."""

    def __init__(self) -> None:
        self.name = text("name")
        self.payer = marker("payer")
        self.site = [marker("site")]
        self.age = NUMBER
        self.weight = float(NUMBER)
        self.confidence = marker("confidence")
        self.nested = {
            "mrn": marker("mrn"),
            marker("key"): (marker("tuple"), {marker("set")}, marker("bytes").encode()),
        }

    def __repr__(self) -> str:
        return marker("repr")

    __str__ = __repr__


RECORDS: dict[str, Callable[[], Any]] = {
    "object": Patient,
    "mapping": lambda: {"payer": marker("payer"), "site": marker("site"), "age": NUMBER, marker("key"): Patient()},
    "text": lambda: marker("text"),
    "list": lambda: [marker("item"), [marker("item"), NUMBER]],
    "bytes": lambda: marker("bytes").encode(),
    "number": lambda: NUMBER,
    "namespace": lambda: SimpleNamespace(payer=Patient(), site=marker("site"), age=marker("age")),
}
