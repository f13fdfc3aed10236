"""Names of models and versions that the code of this process declares: the redaction lets no other name out.

A name cannot be told from a record number by its looks, so only what somebody declares is one: a decorator, a router,
`register_version`, a receipt under one of our keys, or the policy, which then is the only one to declare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.semconv import attributes

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_NAMES: Final = 200
"""Names of a kind that code may declare: more are not code, but data."""

NAME_KEYS: Final = frozenset({attributes.MODEL_NAME, attributes.MODEL_VERSION, attributes.MODEL_PREVIOUS_VERSION})
"""Attributes whose values are such names."""


class Names:
    """Models and versions; declaring adds, up to `limit` of each."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        # Dictionaries, for their order and because adding to one is safe while others look.
        self.models: dict[str, None] = {}
        self.versions: dict[str, None] = {}

    def declare(self, model: str, *versions: str) -> None:
        """Let a model and versions of it leave the process under their names."""
        self._add(self.models, model)
        for version in versions:
            self._add(self.versions, version)

    def allowed(self, key: str) -> Collection[str]:
        """Return the names that a value of `key` may be."""
        return self.models if key == attributes.MODEL_NAME else self.versions

    def _add(self, known: dict[str, None], name: str) -> None:
        if self._limit is None or len(known) < self._limit:
            known[name] = None


CODE: Final = Names(MAX_NAMES)
"""What the code of this process declares, whichever telemetry it reports to: an exporter knows nothing of those."""
