"""Read declared values out of a call's arguments and result, and nothing else."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from otel_clinical.quality import MISSING, read_field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_UNSEEN = object()
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Signature:
    """What is known of a function's parameters, worked out once, when it is decorated."""

    def __init__(self, function: Any) -> None:
        target = function.__func__ if isinstance(function, classmethod | staticmethod) else function
        parameters = _parameters(target)
        positional = [p.name for p in parameters if p.kind in _POSITIONAL]
        self.positions = {name: index for index, name in enumerate(positional)}
        self.names = frozenset(p.name for p in parameters)
        self.defaults = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
        self.skip = 1 if _takes_self(function) else 0

    def is_field(self, path: str) -> bool:
        """Tell whether a path names a field of the record, and no more: neither a parameter nor several steps."""
        return "." not in path and path not in self.names


class Arguments:
    """The arguments of one call: `arguments[0]`, `arguments["encounter"]`, `arguments.record`."""

    __slots__ = ("_record", "_signature", "args", "kwargs")

    def __init__(self, signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._signature = signature
        self.args = args
        self.kwargs = kwargs
        self._record: object = _UNSEEN

    def __getitem__(self, key: int | str) -> Any:
        found = self.args[key] if isinstance(key, int) else self.named(key)
        if found is MISSING:
            raise KeyError(key)
        return found

    def named(self, name: str) -> object:
        """Return the argument of a parameter, its default, or `MISSING`."""
        if name in self.kwargs:
            return self.kwargs[name]
        position = self._signature.positions.get(name, len(self.args))
        if position < len(self.args):
            return self.args[position]
        return self._signature.defaults.get(name, MISSING)

    @property
    def record(self) -> object:
        """The first mapping among the arguments, else the first argument after `self` or `cls`."""
        if self._record is _UNSEEN:
            args, skip = self.args, self._signature.skip
            if len(args) > skip and type(args[skip]) is dict:
                self._record = args[skip]
                return self._record
            given = (*args[skip:], *self.kwargs.values())
            first = given[0] if given else MISSING
            self._record = next((value for value in given if _is_mapping(value)), first)
        return self._record

    def find(self, path: str) -> object:
        """Follow a dotted path that starts at a parameter, or at a field of the record."""
        return self.follow(path.split("."))

    def follow(self, steps: Sequence[str]) -> object:
        """Follow a path that is split already."""
        first = steps[0]
        value = self.named(first) if first in self._signature.names else read_field(self.record, first)
        for name in steps[1:]:
            value = read_field(value, name)
        return value


def argument_reader(source: str | Callable[[Arguments], object]) -> Callable[[Arguments], object]:
    """Return a reader for a dotted path or a function of the arguments."""
    if not isinstance(source, str):
        return source
    steps = tuple(source.split("."))
    return lambda arguments: arguments.follow(steps)


def result_reader(source: object) -> Callable[[Any], object]:
    """Return a reader of the result: by key or attribute (a string), by function, or the constant itself."""
    if type(source) is str:
        return lambda result: result.get(source, MISSING) if type(result) is dict else read_field(result, source)
    if callable(source):
        return source
    return lambda _: source


def _is_mapping(value: object) -> bool:
    return type(value) is dict or isinstance(value, Mapping)


def _parameters(target: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):  # some builtins have none
        return []


def _takes_self(function: Any) -> bool:
    """Tell whether a function in a class body gets the instance or class first."""
    if isinstance(function, classmethod):
        return True
    if isinstance(function, staticmethod | functools.partial):
        return False
    owner, _, _ = getattr(function, "__qualname__", "").rpartition(".")
    return bool(owner) and not owner.endswith("<locals>") and inspect.isfunction(inspect.unwrap(function))
