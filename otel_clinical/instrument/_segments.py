"""Find the segments of a call, in one look where the same declared values came before."""

from __future__ import annotations

from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._arguments import Arguments
    from ._declared import DeclaredValues

SegmentReader = tuple[str, str, "str | None", "Callable[[Arguments], object]"]
"""Name, attribute key, field of the record where it is no more than that, and reader of a segment."""

_Known = tuple["DeclaredValues | None", dict[tuple[str, ...], "Mapping[str, str]"]]
_REMEMBERED: Final = 1024


class Segments:
    """The segments that a declaration names.

    Only declared values are remembered, of one set of declarations, which can grow but not shrink.
    """

    def __init__(self, readers: tuple[SegmentReader, ...] = ()) -> None:
        self.readers = readers
        fields = [place for _, _, place, _ in readers if place]
        whole = len(fields) > 1 and len(fields) == len(readers)
        self._values: Any = itemgetter(*fields) if whole else None
        self._names = tuple(name for name, *_ in readers)
        self._known: _Known = (None, {})

    def known(self, record: object, declared: DeclaredValues) -> Mapping[str, str] | None:
        """Return the segments of a plain record of which every value is declared; None where each has to be read.

        No code of the values runs.
        """
        if self._values is None or type(record) is not dict:
            return None
        try:
            values: tuple[Any, ...] = self._values(record)
        except Exception:  # noqa: BLE001 -- a field is missing, or a key of the user's own type raises
            return None
        for value in values:
            if type(value) is not str:
                return None
        known = self._known
        if known[0] is not declared:
            known = self._known = (declared, {})
        return known[1].get(values) or self._remember(values, declared, known[1])

    def _remember(
        self, values: tuple[str, ...], declared: DeclaredValues, known: dict[tuple[str, ...], Mapping[str, str]]
    ) -> Mapping[str, str] | None:
        for (_, key, _, _), value in zip(self.readers, values, strict=True):
            if value not in declared.texts.get(key, ()):
                return None
        if len(known) >= _REMEMBERED:
            known.clear()
        found = known[values] = MappingProxyType(dict(zip(self._names, values, strict=True)))
        return found
