"""Read the valid parts of an invalid policy, so that every rule between them can still be checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo


class Unusable(Exception):  # noqa: N818  -- control flow: the rule needs a value that has its own problem already
    """A rule touched a value that is missing or wrong."""


class Hole:
    """Stand where a value is missing or wrong; any use raises `Unusable`."""

    def _unusable(self, *_: object) -> Any:
        raise Unusable

    def __getattr__(self, name: str) -> Any:
        # Tools that look at modules ask every object for its dunder attributes.
        raise AttributeError(name) if name.startswith("__") else Unusable

    __getitem__ = __iter__ = __len__ = __bool__ = _unusable
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __contains__ = __hash__ = _unusable
    __sub__ = __rsub__ = __truediv__ = __str__ = __fspath__ = _unusable


HOLE = Hole()


def lenient(model: type[BaseModel], data: object) -> Any:
    """Build `model` without complaint; wrong and missing parts become holes.

    Valid input gives what strict validation gives, apart from unknown keys, which are left out.
    """
    if not isinstance(data, dict):
        return HOLE
    values = {name: _field(info, name, data) for name, info in model.model_fields.items()}
    written = {name for name, info in model.model_fields.items() if _key(info, name) in data}
    return model.model_construct(_fields_set=written, **values)


def _key(info: FieldInfo, name: str) -> str:
    return info.alias or name


def _field(info: FieldInfo, name: str, data: dict[str, object]) -> Any:
    key = _key(info, name)
    if key not in data:
        return HOLE if info.is_required() else info.get_default(call_default_factory=True)
    annotation = info.annotation
    inner = _mapping_of_sections(annotation)
    if inner is not None:
        return dict(_sections(inner, data[key]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return lenient(annotation, data[key])
    return _validated(_with_constraints(info), data[key])


def _sections(inner: tuple[Any, type[BaseModel]], data: object) -> Iterator[tuple[Any, Any]]:
    keys, model = inner
    if isinstance(data, dict):
        for name, value in data.items():
            key = _validated(keys, name)
            if key is not HOLE:
                yield key, lenient(model, value)


def _mapping_of_sections(annotation: Any) -> tuple[Any, type[BaseModel]] | None:
    if get_origin(annotation) is not dict:
        return None
    keys, values = get_args(annotation)
    return (keys, values) if isinstance(values, type) and issubclass(values, BaseModel) else None


def _with_constraints(info: FieldInfo) -> Any:
    return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation


def _validated(annotation: Any, value: object) -> Any:
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return HOLE
