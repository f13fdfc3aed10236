"""The release pointer: which version serves a model, on which route, for whom."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from ._parse import MAX_REASON_LENGTH, Fields, load_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCHEMA: Final = 1
# From most to least reach of the AI: the values of clinical_ai.routing.level.
ROUTES: Final = ("standard", "assisted", "manual")


def most_restrictive(routes: Iterable[str]) -> str:
    """Return the route that leaves the AI the least reach.

    >>> most_restrictive(["standard", "manual", "assisted"])
    'manual'
    """
    return max(routes, key=ROUTES.index, default=ROUTES[0])


@dataclass(frozen=True, slots=True)
class Segment:
    """One value of one declared segment, such as payer = medicaid, or of a declared pair."""

    name: str
    value: str

    @property
    def parts(self) -> dict[str, str]:
        """The value of each segment: of one, or of both of a pair, whose names and values a comma joins.

        >>> Segment("payer,site", "medicaid,h01").parts
        {'payer': 'medicaid', 'site': 'h01'}
        """
        if "," not in self.name:
            return {self.name: self.value}
        return dict(zip(self.name.split(","), self.value.split(","), strict=False))


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """Hold one segment back: a route, and a version where it differs from the deployment's.

    `reason` is a value of clinical_ai.routing.reason or a short note of the operator; never patient data.
    """

    segment: Segment
    route: str
    version: str | None = None
    reason: str = ""
    marker: str = ""

    def applies(self, segments: Mapping[str, str]) -> bool:
        """Tell whether an inference with these segment values falls under the rule."""
        if "," not in self.segment.name:
            return segments.get(self.segment.name) == self.segment.value
        return all(segments.get(name) == value for name, value in self.segment.parts.items())


@dataclass(frozen=True, slots=True)
class Resolution:
    """What one inference must do: which version, on which route, under which activation and epoch."""

    version: str
    route: str
    activation: int
    epoch: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReleasePointer:
    """Which version of a model serves.

    `epoch` grows by one with every change, `activation` only when `version` changes.
    Times are Unix seconds. Make changes with the methods and write them with `swap_pointer`.
    """

    model: str
    version: str
    epoch: int = 1
    activation: int = 1
    activated_at: float = 0.0
    previous_version: str | None = None
    route: str = ROUTES[0]
    rules: tuple[SegmentRule, ...] = ()
    marker: str = ""
    updated_at: float = 0.0
    updated_by: str = ""

    @classmethod
    def parse(cls, text: str) -> ReleasePointer:
        """Read a pointer from JSON text; raise `PointerError` that names key, value and what is allowed."""
        fields = load_object(text, what="release pointer")
        schema = fields.integer("schema")
        if schema != SCHEMA:
            fields.fail("schema", schema, f"{SCHEMA} (written by a newer release of otel-clinical?)")
        pointer = cls(
            model=fields.text("model"),
            epoch=fields.integer("epoch", minimum=1),
            version=fields.text("version"),
            activation=fields.integer("activation", minimum=1),
            activated_at=fields.seconds("activated_at"),
            previous_version=fields.optional_text("previous_version"),
            route=fields.choice("route", ROUTES),
            rules=tuple(_parse_rule(rule) for rule in fields.objects("rules")),
            marker=fields.text("marker", empty=True),
            updated_at=fields.seconds("updated_at"),
            updated_by=fields.text("updated_by", empty=True),
        )
        fields.done()
        return pointer

    def dumps(self) -> str:
        """Write the pointer as JSON text with a stable key order and a final newline."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, ensure_ascii=False, indent=1) + "\n"

    def resolve(self, segments: Mapping[str, str]) -> Resolution:
        """Decide version and route for an inference; the most restrictive of all that applies wins.

        Of several rules that name a version, the last in the list decides.
        """
        version, route, reason = self.version, self.route, ""
        for rule in self.rules:
            if not rule.applies(segments):
                continue
            version = rule.version or version
            if ROUTES.index(rule.route) > ROUTES.index(route):
                route, reason = rule.route, rule.reason
        return Resolution(version, route, self.activation, self.epoch, reason)

    def activate(self, version: str, *, at: float, by: str, marker: str = "") -> ReleasePointer:
        """Let `version` serve from `at` on."""
        return replace(
            self,
            version=version,
            previous_version=self.version if version != self.version else self.previous_version,
            activated_at=at if version != self.version else self.activated_at,
            marker=marker,
            updated_at=at,
            updated_by=by,
        )

    def with_route(self, route: str, *, at: float, by: str, marker: str = "") -> ReleasePointer:
        """Put the whole deployment on a route."""
        return replace(self, route=route, marker=marker, updated_at=at, updated_by=by)

    def with_rule(self, rule: SegmentRule, *, at: float, by: str) -> ReleasePointer:
        """Add a rule, in place of an earlier one for the same segment value and marker."""
        kept = tuple(old for old in self.rules if (old.segment, old.marker) != (rule.segment, rule.marker))
        return replace(self, rules=(*kept, rule), marker=rule.marker, updated_at=at, updated_by=by)

    def without_rules(self, marker: str, *, at: float, by: str) -> ReleasePointer:
        """Lift every rule that carries `marker`."""
        kept = tuple(rule for rule in self.rules if rule.marker != marker)
        return replace(self, rules=kept, marker=marker, updated_at=at, updated_by=by)


def _parse_rule(fields: Fields) -> SegmentRule:
    segment = fields.nested("segment")
    rule = SegmentRule(
        segment=Segment(segment.text("name"), segment.text("value")),
        route=fields.choice("route", ROUTES),
        version=fields.optional_text("version"),
        reason=fields.text("reason", maximum=MAX_REASON_LENGTH, empty=True),
        marker=fields.text("marker", empty=True),
    )
    segment.done()
    fields.done()
    return rule
