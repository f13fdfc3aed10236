"""A processor that is forked instead of started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.drift.runtime._harness import Processor

if TYPE_CHECKING:
    from pathlib import Path

    from soak._nursery import Born, Nursery


class ForkedProcessor(Processor):
    """As `Processor`; every start is a fork of `nursery`, which saves the second that the imports cost."""

    def __init__(self, nursery: Nursery, folder: Path, policy: Path, *options: str, host: str = "127.0.0.1") -> None:
        super().__init__(folder, policy, *options, host=host)
        self._nursery = nursery

    def _spawn(self, words: list[str], environment: dict[str, str]) -> Born:  # type: ignore[override]
        self._output.write_bytes(b"")  # or the line of the process before would be taken for its own
        return self._nursery.fork(words, environment, self._output, self.errors)
