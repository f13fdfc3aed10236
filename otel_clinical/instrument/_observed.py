"""Keep a decorated callable object an object: not bound to instances, and pickled by the name it has in its module."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class ObservedObject:
    """A callable object or a partial under observation; each has a class of its own that holds its call."""

    __wrapped__: Any

    def __getattr__(self, name: str) -> Any:
        """Read what the original object has."""
        if name == "__wrapped__":
            raise AttributeError(name)
        return getattr(self.__wrapped__, name)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself, as a function would: the declaration is no data."""
        return self

    def __reduce__(self) -> str:
        """Return the name under which a module holds this object.

        Raises:
            PicklingError: no module does.
        """
        for module in _modules(type(self.__wrapped__).__module__):
            for name, value in list(vars(sys.modules[module]).items()):
                if value is self:
                    self.__module__ = module
                    return name
        from pickle import PicklingError  # noqa: PLC0415 -- whoever gets here has loaded it

        raise PicklingError(
            f"a decorated {type(self.__wrapped__).__qualname__} object is pickled by its name, and no module holds it: "
            "assign it at the top of a module, as in predict = inference(…)(Model())"
        )


def observed_object(call: Callable[..., Any]) -> ObservedObject:
    """Return an object whose call is `call`, and stays a coroutine function or a generator where that is one."""
    made: ObservedObject = type("ObservedObject", (ObservedObject,), {"__call__": staticmethod(call)})()
    return made


def _modules(first: str) -> Iterator[str]:
    """Yield the names of loaded modules, the likeliest first and aliases of the main program last."""
    late = ("__main__", "__mp_main__")
    if first not in late and first in sys.modules:
        yield first
    yield from (name for name, module in list(sys.modules.items()) if name not in late and hasattr(module, "__dict__"))
    yield from (name for name in late if name in sys.modules)
