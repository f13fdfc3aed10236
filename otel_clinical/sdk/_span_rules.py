"""Decide about the names of spans and the attributes of links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv import OTHER, allowlist, attributes
from otel_clinical.semconv.enums import OperationName

if TYPE_CHECKING:
    from otel_clinical.sdk._rules import Declared

REDACTED_NAME: Final = "redacted"
_OWN_NAME = re.compile(
    rf"({'|'.join(re.escape(name) for name in (*OperationName, 'review', 'rollback'))}) ([A-Za-z0-9_.:/+@-]{{1,64}})"
)
_FOREIGN_VERBS = frozenset({
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
    *("SELECT", "INSERT", "UPDATE", "MERGE", "COMMIT", "ROLLBACK"),
    *("chat", "embeddings", "generate_content", "execute_tool", "invoke_agent"),
    *("publish", "receive", "process", "send"),
})  # fmt: skip
"""First words of the span names of other libraries; what follows them may be a path or a table and is dropped."""

LINK: Final = {attributes.LINK_RELATION: allowlist.ATTRIBUTES[attributes.LINK_RELATION]}
"""What a link may say: how the other trace is related."""


def redact_name(name: str, declared: Declared | None = None, *, own: bool) -> str:
    """Return a span name of ours with a declared model, the first word of another library's, or a placeholder."""
    if own:
        found = _OWN_NAME.fullmatch(name)
        if found is None:
            return REDACTED_NAME
        known = declared is None or found[2] in declared.allowed(attributes.MODEL_NAME)
        return str.__str__(name) if known else f"{found[1]} {OTHER}"
    verb = name.partition(" ")[0]
    return verb if verb in _FOREIGN_VERBS else REDACTED_NAME
