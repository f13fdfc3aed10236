"""The page for the person on call: what changed, how sure, what the machine did and will do, what to do now."""

from otel_clinical.rollback.page._ackpage import LinkPages
from otel_clinical.rollback.page._content import Sources
from otel_clinical.rollback.page._evidence import drawing, show_evidence
from otel_clinical.rollback.page._moments import Moments
from otel_clinical.rollback.page._site import Pages, missing
from otel_clinical.rollback.page._visitors import Proxy, Visitors, page_key

__all__ = [
    "LinkPages",
    "Moments",
    "Pages",
    "Proxy",
    "Sources",
    "Visitors",
    "drawing",
    "missing",
    "page_key",
    "show_evidence",
]
