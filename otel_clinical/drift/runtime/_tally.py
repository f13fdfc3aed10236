"""Counters that survive a restart: they change with the journal and are saved with the checkpoint."""

from collections.abc import Iterable, Mapping

Key = tuple[str, tuple[str, ...]]


class Tally:
    """Totals by (metric name, label values), and which of them changed since they were last saved.

    Args:
        totals: As of the last checkpoint.
        zeros: Keys that exist from the start, so that a first increase is visible as one.
    """

    def __init__(self, totals: Mapping[Key, int], zeros: Iterable[Key] = ()) -> None:
        self._totals = dict.fromkeys(zeros, 0) | dict(totals)
        self._changed: set[Key] = set()

    def add(self, name: str, *labels: str, count: int = 1) -> None:
        """Add `count` to one counter."""
        if count:
            key = name, labels
            self._totals[key] = self._totals.get(key, 0) + count
            self._changed.add(key)

    def totals(self) -> dict[Key, int]:
        """Return every counter."""
        return dict(self._totals)

    def changes(self) -> dict[Key, int]:
        """Return the totals of the counters that changed since `saved`."""
        return {key: self._totals[key] for key in self._changed}

    def saved(self) -> None:
        """Forget what changed: it is durable now."""
        self._changed.clear()
