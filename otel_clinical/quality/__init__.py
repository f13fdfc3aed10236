"""Score the input of a model and decide whether the model may see it."""

from ._fields import MISSING, as_number, read_field
from ._profile import QualityIssue, QualityProfile, QualityResult

__all__ = [
    "MISSING",
    "QualityIssue",
    "QualityProfile",
    "QualityResult",
    "as_number",
    "read_field",
]
