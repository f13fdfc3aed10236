"""The kernel: records in, evidence out, no clock and no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.drift.kernel._batch import Batch
    from otel_clinical.drift.kernel._index import PolicyIndex
    from otel_clinical.drift.kernel._rows import Applied, CoverageRow, DriftRow, EvidenceRow, Transition
    from otel_clinical.policy import Baseline, Policy


class Kernel:
    """Everything the processor knows, as a function of the batches it was given.

    The same records in any order within the policy's lateness, with any duplicates, cut into any batches and
    interrupted by any number of dumps and loads give bit-identical results.

    Args:
        policy: Which streams exist and what they are tested against.
        baselines: The frozen reference performance, by model name.
    """

    index: PolicyIndex
    """Pass it to `explode_traces` and `explode_logs`."""

    def __init__(self, policy: Policy, baselines: Mapping[str, Baseline]) -> None:
        raise NotImplementedError

    def apply(self, batch: Batch) -> Applied:
        """Take in a batch. Nothing is decided before `advance`."""
        raise NotImplementedError

    def advance(self, to: float | None = None) -> list[Transition]:
        """Close every slot that ends at or before the watermark and return what changed, in event time.

        Args:
            to: Raise the watermark to this event time (Unix seconds) first: for the end of a finite replay.
        """
        raise NotImplementedError

    def evidence(self) -> list[EvidenceRow]:
        """Return every stream of the newest activation of each version seen, sorted."""
        raise NotImplementedError

    def drift(self) -> list[DriftRow]:
        """Return every detector of the newest activation of each version seen, sorted."""
        raise NotImplementedError

    def coverage(self) -> list[CoverageRow]:
        """Return the label coverage of each version seen, sorted."""
        raise NotImplementedError

    @property
    def watermark(self) -> float | None:
        """Event time (Unix seconds) up to which slots are closed; None before the first record."""
        raise NotImplementedError

    @property
    def newest(self) -> float | None:
        """Event time (Unix seconds) of the newest record; None before the first."""
        raise NotImplementedError

    @property
    def label_times(self) -> Mapping[str, float]:
        """Time (Unix seconds) of the newest outcome by model, mature or not."""
        raise NotImplementedError

    @property
    def activations(self) -> Mapping[tuple[str, str], int]:
        """Newest activation seen by (model, version)."""
        raise NotImplementedError

    def dump_dirty(self) -> dict[str, bytes]:
        """Return what changed since the last dump, by key; an empty value says: delete this key."""
        raise NotImplementedError

    def load(self, states: Mapping[str, bytes]) -> list[str]:
        """Take over dumped states. Call once, before the first `apply`.

        Returns:
            One sentence per state that could not be continued, because the policy or a baseline changed what it
            is tested against; those streams begin anew.

        Raises:
            CodecError: A state is damaged.
        """
        raise NotImplementedError
