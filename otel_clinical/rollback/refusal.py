"""Say no to a request in one sentence."""

from __future__ import annotations


class RequestRefusedError(ValueError):
    """A request that is answered with `code` and a sentence."""

    def __init__(self, code: int, problem: str) -> None:
        super().__init__(problem)
        self.code = code
