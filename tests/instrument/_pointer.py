"""A release pointer that tests change as people and the controller would."""

from __future__ import annotations

import json

from otel_clinical.release import ReleasePointer, create_pointer, swap_pointer


def activated(folder):
    """Return a pointer in `folder` at which version 8 serves after version 7."""
    path = folder / "coding.json"
    create_pointer(path, ReleasePointer(model="coding", version="7", activation=2, epoch=5))
    change(path, lambda p: p.activate("8", at=1.0, by="test"))
    return path


def change(path, step):
    """Change a pointer, whatever its epoch is now."""
    return swap_pointer(path, json.loads(path.read_text())["epoch"], step)
