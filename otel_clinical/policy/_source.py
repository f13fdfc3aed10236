"""YAML with line numbers: duplicate keys, endless numbers and cyclic anchors are mistakes, not surprises."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from otel_clinical.policy._problems import Path, PolicyErrors, PolicyProblem, dotted

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

_MAX_NODES = 50_000
"""A policy of 50 models has about 5 000 nodes; beyond this, anchors multiply like the billion laughs."""
_MAX_BYTES = 4 * 1024 * 1024
_MERGE = "tag:yaml.org,2002:merge"
_DATE = "tag:yaml.org,2002:timestamp"
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq")}


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value was written and, for a scalar, its very text: to a person `NO` is not `false`."""

    line: int
    text: str | None = None


@dataclass(slots=True)
class Source:
    """A parsed document: plain data, the mark of every path, and the problems found on the way."""

    file: str
    data: Any = None
    marks: dict[Path, Mark] = field(default_factory=dict)
    problems: list[PolicyProblem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Return the line of `path`, or of the nearest value above it that was written."""
        for end in range(len(path), -1, -1):
            mark = self.marks.get(path[:end])
            if mark is not None:
                return mark.line
        return 1

    def text(self, path: Path) -> str | None:
        """Return the scalar at `path` as it was typed."""
        mark = self.marks.get(path)
        return None if mark is None else mark.text

    def report(self, path: Path, problem: str, allowed: str = "") -> None:
        """Note a problem of the value at `path`."""
        self.problems.append(PolicyProblem(self.file, self.line(path), dotted(path), problem, allowed))


def read_source(path: pathlib.Path) -> Source:
    """Read one YAML document from `path`; raise `PolicyErrors` when it is no YAML at all."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise PolicyErrors([PolicyProblem(str(path), 0, "", "is larger than 4 MiB", "one YAML document")])
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise PolicyErrors([PolicyProblem(str(path), 0, "", reason, "a readable YAML file")]) from None
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is not UTF-8"
        raise PolicyErrors([PolicyProblem(str(path), 0, "", problem, "UTF-8 text")]) from None
    return parse_source(text, str(path))


def parse_source(text: str, file: str) -> Source:
    """Parse YAML text; syntax errors raise `PolicyErrors`, other problems are collected in the result."""
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise PolicyErrors([_syntax(error, file)]) from None
    except RecursionError:
        raise PolicyErrors([PolicyProblem(file, 0, "", "is nested too deeply", "a plain YAML document")]) from None
    if len(nodes) != 1:
        problem = "is empty" if not nodes else f"holds {len(nodes)} YAML documents"
        raise PolicyErrors([PolicyProblem(file, 0, "", problem, "exactly one YAML document")])
    source = Source(file)
    source.data = _Walk(source).value(nodes[0], (), frozenset())
    return source


def _syntax(error: yaml.YAMLError, file: str) -> PolicyProblem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be parsed"
    context = getattr(error, "context", None)
    text = f"is not valid YAML: {what}" + (f" ({context})" if context else "")
    return PolicyProblem(file, 0 if mark is None else mark.line + 1, "", text, "YAML 1.1; indent with spaces")


class _Walk:
    """Turn composed nodes into plain data, remembering where each value was written."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.scalars = yaml.constructor.SafeConstructor()
        self.left = _MAX_NODES

    def value(self, node: yaml.Node, path: Path, open_nodes: frozenset[int]) -> Any:
        line = node.start_mark.line + 1
        # A key is where the reader looks first, so its line wins over that of a value on the lines below.
        self.source.marks.setdefault(path, Mark(line))
        self.left -= 1
        if self.left < 0:
            problem = PolicyProblem(self.source.file, line, dotted(path), "anchors expand to too many values")
            raise PolicyErrors([problem])
        if id(node) in open_nodes:
            self.source.report(path, "an anchor that contains itself", "anchors without cycles")
            return None
        if node.tag not in _PLAIN_TAGS and isinstance(node, yaml.CollectionNode):
            self.source.report(path, f"tag {node.tag} is not supported", "plain YAML values")
            return None
        inside = open_nodes | {id(node)}
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path, inside)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, i), inside) for i, item in enumerate(node.value)]
        return self.scalar(node, path) if isinstance(node, yaml.ScalarNode) else None

    def mapping(self, node: yaml.MappingNode, path: Path, inside: frozenset[int]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _MERGE:
                for parent in self.merge_parents(value_node, path):
                    merged = {**self.mapping(parent, path, inside), **merged}
                continue
            key = self.key(key_node, path, line)
            if key is None:
                continue
            if key in seen:
                problem = f"declared twice, first on line {seen[key]}"
                where = dotted((*path, key))
                self.source.problems.append(PolicyProblem(self.source.file, line, where, problem, "each key once"))
                continue
            seen[key] = line
            self.forget((*path, key))
            self.source.marks[(*path, key)] = Mark(line)
            own[key] = self.value(value_node, (*path, key), inside)
        return {**merged, **own}

    def forget(self, path: Path) -> None:
        """Drop the marks of a merged value that a written one replaces."""
        stale = [known for known in self.source.marks if known[: len(path)] == path]
        for known in stale:
            del self.source.marks[known]

    def merge_parents(self, node: yaml.Node, path: Path) -> Iterator[yaml.MappingNode]:
        for parent in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if isinstance(parent, yaml.MappingNode):
                yield parent
            else:
                self.source.report(path, "<< merges something that is no mapping", "<<: *anchor of a mapping")

    def key(self, node: yaml.Node, path: Path, line: int) -> str | None:
        """Return the key as typed: `no:` and `7:` are names here, never booleans or numbers."""
        if isinstance(node, yaml.ScalarNode) and node.value:
            return str(node.value)
        problem = PolicyProblem(self.source.file, line, dotted(path), "a key that is no plain word", "name: value")
        self.source.problems.append(problem)
        return None

    def scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        line = self.source.marks[path].line
        self.source.marks[path] = Mark(line, node.value)
        if node.tag == _DATE:
            # A version may look like a date; no field of a policy wants one.
            return node.value
        if node.tag not in _PLAIN_TAGS:
            self.source.report(path, f"tag {node.tag} is not supported", "plain YAML values")
            return None
        try:
            value = self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError, KeyError):
            return node.value
        if isinstance(value, float) and not math.isfinite(value):
            self.source.report(path, f"{node.value} is not a number one can compare with", "a finite number")
            return None
        return value
