"""Say which version serves a model, in one small file that changes atomically."""

from ._file import (
    EpochConflict,
    PointerLocked,
    create_pointer,
    force_manual_path,
    pointer_signature,
    read_pointer,
    renumber_pointer,
    swap_pointer,
)
from ._parse import PointerError
from ._pointer import ROUTES, ReleasePointer, Resolution, Segment, SegmentRule, most_restrictive

__all__ = [
    "ROUTES",
    "EpochConflict",
    "PointerError",
    "PointerLocked",
    "ReleasePointer",
    "Resolution",
    "Segment",
    "SegmentRule",
    "create_pointer",
    "force_manual_path",
    "most_restrictive",
    "pointer_signature",
    "read_pointer",
    "renumber_pointer",
    "swap_pointer",
]
