"""Say which extra a target needs."""

from __future__ import annotations


class MissingExtraError(ImportError):
    """A target needs a library that is not installed: names the extra that brings it."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs an extra: pip install 'otel-clinical[{extra}]'")
        self.extra = extra
