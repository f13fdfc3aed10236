"""Turn what pydantic says into what a hospital engineer can act on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from otel_clinical._spelling import did_you_mean
from otel_clinical.policy._problems import MISSING, Path, dotted

if TYPE_CHECKING:
    from otel_clinical.policy._source import Source

_LIMITS = {
    "greater_than": ("must be above", "gt"),
    "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be below", "lt"),
    "less_than_equal": ("must be at most", "le"),
}
_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "list_type": "a list such as [a, b]",
    "tuple_type": "a list such as [a, b]",
    "dict_type": "a mapping of name: value",
    "mapping_type": "a mapping of name: value",
    "model_type": "a mapping of name: value",
    "model_attributes_type": "a mapping of name: value",
    "union_tag_invalid": "a known kind",
}


def report_errors(error: ValidationError, source: Source, model: type[BaseModel]) -> None:
    """Add one problem per validation error to `source`."""
    items = error.errors(include_url=False)
    paths = [tuple(part for part in item["loc"] if part != "[key]") for item in items]
    # What YAML itself got wrong, and the entries of a list that is too short without them, need no second word.
    silent = {(problem.line, problem.key) for problem in source.problems}
    for item, path in zip(items, paths, strict=True):
        inside = any(other[: len(path)] == path and other != path for other in paths)
        if (source.line(path), dotted(path)) in silent or (item["type"] == "too_short" and inside):
            continue
        problem, allowed = _say(dict(item), path, source, model)
        source.report(path, problem, allowed)


def _say(item: dict[str, Any], path: Path, source: Source, model: type[BaseModel]) -> tuple[str, str]:  # noqa: PLR0911  -- one line per kind of mistake
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind == "policy":
        return _unquoted(context["problem"], context["allowed"], source.text(path))
    if kind == "extra_forbidden":
        known = keys_of(section_at(model, path[:-1]))
        return f"unknown key{did_you_mean(str(path[-1]), known)}", ", ".join(known)
    if kind == "missing":
        return MISSING, _expected(model, path)
    if kind in {"enum", "literal_error"}:
        known = re.findall(r"'([^']*)'", context["expected"])
        return f"{_shown(value, source, path)} is not known{did_you_mean(str(value), known)}", ", ".join(known)
    if kind in _LIMITS:
        words, bound = _LIMITS[kind]
        return f"{_shown(value, source, path)} {words} {context[bound]:g}", f"{words[8:]} {context[bound]:g}"
    if kind in {"too_short", "too_long"}:
        return _length(kind, context)
    if kind in _KINDS:
        return f"{_shown(value, source, path)} is not {_KINDS[kind]}", _KINDS[kind]
    if kind == "string_pattern_mismatch":
        return f"{_shown(value, source, path)} has the wrong form", f"text that matches {context['pattern']}"
    return f"{_shown(value, source, path)}: {item['msg']}", ""


def _length(kind: str, context: dict[str, Any]) -> tuple[str, str]:
    if kind == "too_short":
        return "is empty", f"at least {context['min_length']} entry"
    return f"has {context['actual_length']} entries", f"at most {context['max_length']}"


def _unquoted(problem: str, allowed: str, typed: str | None) -> tuple[str, str]:
    if allowed != "unquoted":
        return problem, allowed
    if not typed:
        return "has no value", "text"
    return f"{typed} is {problem}", f'the same in quotes: "{typed}"'


def _shown(value: object, source: Source, path: Path) -> str:
    typed = source.text(path)
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if typed:
        return f'"{typed}"' if isinstance(value, str) else typed
    return "nothing" if value in (None, "") else str(value)


def _expected(model: type[BaseModel], path: Path) -> str:
    parent = section_at(model, path[:-1])
    if parent is None:
        return ""
    for name, info in parent.model_fields.items():
        if path[-1] in {name, info.alias}:
            inner = _section_in(info.annotation)
            if inner is not None and info.annotation is inner:
                return "a mapping with " + ", ".join(keys_of(inner))
            return (info.description or "").rstrip(".")
    return ""


def keys_of(section: type[BaseModel] | None) -> list[str]:
    """Return the keys of a section as they are written in the file."""
    return [] if section is None else [info.alias or name for name, info in section.model_fields.items()]


def section_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Return the section type that stands at `path`; names of models, tiers and segments are passed over."""
    section: type[BaseModel] = model
    for part in path:
        for name, info in section.model_fields.items():
            if part in {name, info.alias}:
                inner = _section_in(info.annotation)
                if inner is None:
                    return None
                section = inner
                break
    return section


def _section_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in reversed(get_args(annotation)):
        found = _section_in(inner)
        if found is not None:
            return found
    return None
