"""The behaviours that are probed, one function each, named as in the table.

Each takes a `Library` and returns what it saw and whether that is what a user may expect. Nothing here is of one
library: what differs between them stands in `_adapters`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from benchmarks.peers._library import Library

MARKER: Final = "MRN-7261904"
_HOSTILE: Final = ("__str__", "__repr__", "__bool__", "__len__", "__iter__", "__eq__", "__hash__")


class Seen(NamedTuple):
    """What a check saw, in two or three words, and whether it is right."""

    text: str
    good: bool


CHECKS: Final[dict[str, Callable[[Library], Seen]]] = {}
"""Every check by its row, in the order of the table."""


def _row(text: str) -> Callable[[Callable[[Library], Seen]], Callable[[Library], Seen]]:
    def keep(check: Callable[[Library], Seen]) -> Callable[[Library], Seen]:
        CHECKS[text] = check
        return check

    return keep


def _answer(good: object, *, yes: str = "yes", no: str = "**no**") -> Seen:
    return Seen(yes if good else no, bool(good))


@_row("coroutine / generator / async generator keep their kind")
def _kinds(library: Library) -> Seen:

    async def coroutine() -> None: ...

    def generator() -> Generator[int, None, None]:
        yield 1

    async def async_generator() -> AsyncGenerator[int, None]:
        yield 1

    tests = (
        (inspect.iscoroutinefunction, coroutine),
        (inspect.isgeneratorfunction, generator),
        (inspect.isasyncgenfunction, async_generator),
    )
    kept = [is_kind(library.decorate(function)) for is_kind, function in tests]
    return Seen(" / ".join("yes" if one else "**no**" for one in kept), all(kept))


@_row("name, signature and annotations of the function stay")
def _signature(library: Library) -> Seen:

    def function(record: dict[str, int], *, limit: int = 3) -> int:
        return record["x"] + limit

    wrapped = library.decorate(function)
    return _answer(
        wrapped.__name__ == "function"
        and inspect.signature(wrapped) == inspect.signature(function)
        and inspect.get_annotations(wrapped) == inspect.get_annotations(function)
    )


@_row("`generator.send(42)` reaches the function's generator")
def _send(library: Library) -> Seen:
    got = []

    def stream() -> Generator[int, int, str]:
        got.append((yield 1))
        got.append((yield 2))
        return "end"

    generator = library.decorate(stream)()
    next(generator)
    generator.send(42)
    return _answer(got == [42], no="**lost**")


@_row("return value of a generator reaches `yield from`")
def _returned(library: Library) -> Seen:

    def stream() -> Generator[int, None, str]:
        yield 1
        return "end"

    wrapped = library.decorate(stream)
    found = []

    def outer() -> Generator[int, None, None]:
        found.append((yield from wrapped()))

    list(outer())
    return _answer(found == ["end"], no="**lost**")


@_row("span is current inside each step, and not in the caller between them")
def _between_yields(library: Library) -> Seen:
    inside = []

    def stream() -> Generator[int, None, None]:
        inside.append(library.current())
        yield 1
        inside.append(library.current())
        yield 2

    generator = library.decorate(stream)()
    next(generator)
    outside = library.current()
    list(generator)
    if outside:
        return Seen("**leaks**", good=False)
    return _answer(inside[0] and inside[0] == inside[1], no="**not in every step**")


@_row("generator that is made and never iterated: no span, no context left")
def _never_iterated(library: Library) -> Seen:

    def stream() -> Generator[int, None, None]:
        yield 1

    generator = library.decorate(stream)()
    leaked = library.current()
    del generator
    gc.collect()
    if leaked or library.current():
        return Seen("**context stays**", good=False)
    return Seen("a span of no work", good=False) if library.finished() else Seen("yes", good=True)


@_row("generator that is left early: its span ends then, and not before")
def _closed(library: Library) -> Seen:

    def stream() -> Generator[int, None, None]:
        yield 1
        yield 2

    generator = library.decorate(stream)()
    next(generator)
    next(generator)
    before = library.finished()
    generator.close()
    del generator
    gc.collect()
    after = library.finished()
    if before:
        return Seen("**ended too early**", good=False)
    return _answer(len(after) == 1, no="**never ends**")


@_row("`break` out of `async for`: the span is not current in the caller")
def _async_break(library: Library) -> Seen:

    async def stream() -> AsyncGenerator[int, None]:
        while True:
            yield 1

    async def main() -> int:
        generator = library.decorate(stream)()
        async for _ in generator:
            break
        found = library.current()
        await generator.aclose()
        return found

    return _answer(not asyncio.run(main()), no="**leaks**")


@_row("async generator closed in another task: nothing is logged")
def _closed_elsewhere(library: Library) -> Seen:
    logged: list[logging.LogRecord] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = logged.append  # type: ignore[assignment, method-assign]

    async def stream() -> AsyncGenerator[int, None]:
        while True:
            await asyncio.sleep(0)
            yield 1

    async def step(generator: AsyncGenerator[int, None]) -> int:
        return await anext(generator)

    async def main() -> None:
        generator = library.decorate(stream)()
        await asyncio.create_task(step(generator))
        await asyncio.create_task(generator.aclose())

    logging.getLogger().addHandler(handler)
    try:
        asyncio.run(main())
    finally:
        logging.getLogger().removeHandler(handler)
    return _answer(not logged, no="**logs an error**")


@_row("cancelled task: neither a success nor an error")
def _cancelled(library: Library) -> Seen:

    async def work() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(library.decorate(work)())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    found = library.finished()
    status = found[-1].status.status_code.name if found else "no span"
    return Seen(status if status == "UNSET" else f"**{status}**", status == "UNSET")


class _Hostile:
    """A value of which nothing may be asked."""

    touched: list[str]

    def __init__(self) -> None:
        object.__setattr__(self, "touched", [])


def _refusing(name: str) -> Callable[..., Any]:
    def refuse(self: _Hostile, *_: object) -> Any:
        self.touched.append(name)
        raise RuntimeError(f"{name} was asked")

    return refuse


for _name in _HOSTILE:
    setattr(_Hostile, _name, _refusing(_name))


@_row("result whose `str`, `repr`, `bool`, `len`, `iter`, `==`, `hash` raise: not touched")
def _hostile_result(library: Library) -> Seen:
    ran = []
    value = _Hostile()

    def function() -> _Hostile:
        ran.append(1)
        return value

    return _survival(lambda: library.decorate(function)() is value, value, ran)


@_row("the same for an argument")
def _hostile_argument(library: Library) -> Seen:
    ran = []
    value = _Hostile()

    def function(_: _Hostile) -> bool:
        ran.append(1)
        return True

    return _survival(lambda: library.decorate(function)(value), value, ran)


def _survival(call: Callable[[], bool], value: _Hostile, ran: list[int]) -> Seen:
    try:
        right = call()
    except Exception:  # noqa: BLE001 -- whatever the library does to its user
        return Seen(f"**call fails**, ran {len(ran)}x", good=False)
    touched = ", ".join(dict.fromkeys(name.strip("_") for name in value.touched))
    return Seen(f"survives, asks {touched}", good=False) if touched else _answer(right)


@_row("the user's exception: the same object, no context added")
def _exception(library: Library) -> Seen:
    original = ValueError("x")

    def function() -> None:
        raise original

    try:
        library.decorate(function)()
    except ValueError as caught:
        return _answer(caught is original and caught.__context__ is None and not hasattr(caught, "__notes__"))
    return Seen("**swallowed**", good=False)


@_row("the exception's text stays in the process")
def _exception_text(library: Library) -> Seen:

    def function() -> None:
        raise ValueError(MARKER)

    with contextlib.suppress(ValueError):
        library.decorate(function)()
    return _answer(not _left(library), no="**leaves**")


@_row("arguments stay in the process")
def _arguments(library: Library) -> Seen:

    def function(record: str) -> int:
        return len(record)

    library.decorate(function)(MARKER)
    return _answer(not _left(library), no="**leave**")


@_row("result stays in the process")
def _result(library: Library) -> Seen:

    def function() -> str:
        return MARKER

    library.decorate(function)()
    return _answer(not _left(library), no="**leaves**")


def _left(library: Library) -> bool:
    return any(MARKER in span.to_json() for span in library.finished())


@_row("decorator above / below `@classmethod`")
def _class_method(library: Library) -> Seen:
    texts = []
    for above in (True, False):
        try:
            function = lambda cls, x: (cls, x)  # noqa: E731 -- a new one each time
            function.__name__ = function.__qualname__ = "method"
            member = library.decorate(classmethod(function)) if above else classmethod(library.decorate(function))
            owner: Any = type("Owner", (), {"method": member})
            texts.append("yes" if owner.method(1) == (owner, 1) else "**wrong**")
        except Exception as error:  # noqa: BLE001 -- what the user would see
            texts.append(f"**{type(error).__name__}**")
    return Seen(" / ".join(texts), texts == ["yes", "yes"])


class _Callable:
    def __call__(self, x: int) -> int:
        return x + 1


@_row("`functools.partial` / callable object")
def _partial_and_object(library: Library) -> Seen:
    texts = []
    for function in (functools.partial(lambda a, b: a + b, 1), _Callable()):
        try:
            texts.append("yes" if library.decorate(function)(1) == 2 else "**wrong**")
        except Exception as error:  # noqa: BLE001 -- what the user would see
            texts.append(f"**{type(error).__name__}**")
    return Seen(" / ".join(texts), texts == ["yes", "yes"])


@_row("decorated twice by mistake: spans of one call")
def _twice(library: Library) -> Seen:

    def function() -> int:
        return 1

    library.decorate(library.decorate(function))()
    found = len(library.finished())
    return Seen(str(found), found == 1)
