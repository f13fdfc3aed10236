"""The result of taking a request apart: the usable records and why the others are not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.drift.explode._batch import Batch
    from otel_clinical.semconv.enums import ProcessorRejection


@dataclass(frozen=True)
class Rejection:
    """Something in a request that is not used, described without any of its content.

    Attributes:
        reason: Why.
        detail: Which rule was broken, in our words: names of declared attributes, never a value.
        kept: True if only one optional value of the record was set aside and the record itself is used.
        size: Bytes of the record; of the request if it is undecodable.
        digest: SHA-256 of those bytes, hexadecimal, to find the record again on the sender's side; empty for
            kept records and past the first hundred of a request.
    """

    reason: ProcessorRejection
    detail: str
    kept: bool = False
    size: int = 0
    digest: str = ""


@dataclass(frozen=True)
class Exploded:
    """One request, taken apart.

    Attributes:
        batch: The usable records.
        rejections: Everything that is not used, in the order of the request.
        ignored: Spans or log records that are not about clinical AI.
        undecodable: The body is no OTLP request of this signal; `rejections` says so, `batch` is empty.
    """

    batch: Batch
    rejections: tuple[Rejection, ...] = ()
    ignored: int = 0
    undecodable: bool = False

    @property
    def quarantine(self) -> tuple[Rejection, ...]:
        """Records that are not used at all: their number is OTLP's `partial_success`."""
        return tuple(rejection for rejection in self.rejections if not rejection.kept)

    @property
    def counts(self) -> Mapping[ProcessorRejection, int]:
        """Rejections by reason."""
        return Counter(rejection.reason for rejection in self.rejections)
