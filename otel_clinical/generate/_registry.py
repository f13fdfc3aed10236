"""Read the registry's YAML into plain, resolved definitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

REGISTRY = Path(__file__).parent.parent / "semconv" / "registry"
IMPORTED = REGISTRY.parent / "imported.yaml"
Item = dict[str, Any]
_COMMON = frozenset({"brief", "note", "stability", "deprecated", "annotations", "attributes"})
_KEYS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "attributes": (frozenset({"key", "type", "brief", "stability"}), _COMMON - {"attributes"} | {"examples"}),
    "attribute_groups": (frozenset({"id", "visibility"}), _COMMON),
    "metrics": (frozenset({"name", "instrument", "unit", "brief", "stability", "annotations"}), _COMMON),
    "events": (frozenset({"name", "brief", "stability", "annotations"}), _COMMON),
    "spans": (frozenset({"type", "kind", "name", "brief", "stability"}), _COMMON),
}
"""Keys that a definition of each section must have, and may have besides."""


class RegistryError(Exception):
    """The registry cannot be read; the text says where and why."""


@dataclass(frozen=True)
class Member:
    """One value of an enumeration; ``aggregate`` values are allowed on the wire but are not members of the enum."""

    id: str
    value: str
    aggregate: bool


@dataclass(frozen=True)
class Attribute:
    """One attribute definition, with our annotations unpacked."""

    key: str
    type: str
    brief: str
    note: str
    examples: tuple[Any, ...]
    members: tuple[Member, ...]
    cardinality: str
    phi: str
    metric_label: str
    max_length: int | None
    topic: str
    imported: str | None = None


@dataclass(frozen=True)
class Reference:
    """One attribute as a signal refers to it."""

    key: str
    level: str
    sampling_relevant: bool = False


@dataclass(frozen=True)
class Signal:
    """One metric, event or span: its name, its references and the fields peculiar to its kind."""

    name: str
    brief: str
    note: str
    references: tuple[Reference, ...]
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def annotations(self) -> dict[str, Any]:
        """Return our own annotations."""
        return dict(self.fields.get("annotations", {}).get("otel_clinical", {}))

    @property
    def prometheus(self) -> dict[str, Any]:
        """Return what the registry says about the metric in Prometheus."""
        return dict(self.fields.get("annotations", {}).get("prometheus", {}))


@dataclass(frozen=True)
class Registry:
    """Everything the registry defines, in the order of its files."""

    schema_url: str
    attributes: dict[str, Attribute]
    metrics: tuple[Signal, ...]
    events: tuple[Signal, ...]
    spans: tuple[Signal, ...]


def load_registry(folder: Path = REGISTRY, imported: Path = IMPORTED) -> Registry:
    """Read and resolve a registry.

    Args:
        folder: Folder with ``manifest.yaml`` and ``definition/2`` files, searched recursively.
        imported: File with the attributes that come from the dependency.

    Raises:
        RegistryError: A file is not ``definition/2``, a name is defined twice, or a group is unknown.
    """
    manifest = _read(folder / "manifest.yaml")
    raw: dict[str, list[tuple[str, Item]]] = {section: [] for section in _KEYS}
    for path in sorted(folder.rglob("*.yaml")):
        if path.name != "manifest.yaml":
            _collect(path, raw)
    groups = {item["id"]: item.get("attributes", []) for _, item in raw["attribute_groups"]}
    attributes = [_attribute(topic, item) for topic, item in raw["attributes"]]
    attributes += [_imported(item) for item in _read(imported)["attributes"]]
    return Registry(
        schema_url=str(manifest["schema_url"]),
        attributes=_unique(attributes),
        metrics=tuple(_signal(item, "name", groups) for _, item in raw["metrics"]),
        events=tuple(_signal(item, "name", groups) for _, item in raw["events"]),
        spans=tuple(_signal(item, "type", groups) for _, item in raw["spans"]),
    )


def _read(path: Path) -> Item:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise RegistryError(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise RegistryError(f"{path}: expected a mapping, found {type(content).__name__}")
    return content


def _collect(path: Path, raw: dict[str, list[tuple[str, Item]]]) -> None:
    content = _read(path)
    if content.pop("file_format", None) != "definition/2":
        raise RegistryError(f"{path}: the first line must be 'file_format: definition/2'")
    for section, items in content.items():
        if section not in raw:
            raise RegistryError(f"{path}: unknown section {section!r}: use one of {', '.join(_KEYS)}")
        for item in items:
            _check_keys(path, section, item)
            raw[section].append((path.stem, item))


def _check_keys(path: Path, section: str, item: Item) -> None:
    required, optional = _KEYS[section]
    name = item.get("key") or item.get("id") or item.get("name") or item.get("type")
    for key in sorted(set(item) - required - optional):
        raise RegistryError(f"{path}: {name}: unknown key {key!r}: use one of {', '.join(sorted(required | optional))}")
    for key in sorted(required - set(item)):
        raise RegistryError(f"{path}: {name}: lacks {key!r}")


def _attribute(topic: str, item: Item) -> Attribute:
    kind = item["type"]
    members = kind["members"] if isinstance(kind, dict) else []
    ours = item.get("annotations", {}).get("otel_clinical", {})
    return Attribute(
        key=item["key"],
        type="string" if members else str(kind),
        brief=item["brief"],
        note=item.get("note", ""),
        examples=tuple(item.get("examples", ())),
        members=tuple(_member(member) for member in members),
        cardinality=ours.get("cardinality", ""),
        phi=ours.get("phi", ""),
        metric_label=ours.get("metric_label", ""),
        max_length=ours.get("max_length"),
        topic=topic,
    )


def _member(item: Item) -> Member:
    aggregate = bool(item.get("annotations", {}).get("otel_clinical", {}).get("aggregate", False))
    return Member(item["id"], item["value"], aggregate)


def _imported(item: Item) -> Attribute:
    return Attribute(
        key=item["key"],
        type=item["type"],
        brief=item["brief"],
        note="",
        examples=(),
        members=(),
        cardinality="low",
        phi="none",
        metric_label=item.get("metric_label", "never"),
        max_length=item.get("max_length"),
        topic="imported",
        imported=item["use"],
    )


def _unique(attributes: list[Attribute]) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for attribute in attributes:
        if attribute.key in found:
            raise RegistryError(f"attribute {attribute.key!r} is defined twice: keep one definition")
        found[attribute.key] = attribute
    return found


def _signal(item: Item, name_key: str, groups: dict[str, list[Item]]) -> Signal:
    name = item[name_key]
    return Signal(
        name=name,
        brief=item["brief"],
        note=item.get("note", ""),
        references=tuple(_references(name, item.get("attributes", []), groups)),
        fields={k: v for k, v in item.items() if k not in {"attributes", "brief", "note"}},
    )


def _references(name: str, items: list[Item], groups: dict[str, list[Item]]) -> list[Reference]:
    references: list[Reference] = []
    for item in items:
        if "ref_group" in item:
            if item["ref_group"] not in groups:
                raise RegistryError(f"{name}: unknown ref_group {item['ref_group']!r}: define it in groups.yaml")
            references += _references(name, groups[item["ref_group"]], groups)
        else:
            references.append(_reference(item))
    return references


def _reference(item: Item) -> Reference:
    level = item.get("requirement_level", "recommended")
    level = "conditionally_required" if isinstance(level, dict) else str(level)
    return Reference(item["ref"], level, bool(item.get("sampling_relevant", False)))
