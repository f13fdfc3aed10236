"""Start again in a forked child: what another thread of the parent held locked stays locked there for good."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def renew_in_child(renew: Callable[[], object]) -> None:
    """Call a method in every forked child, for as long as the object it is bound to exists."""
    weak = weakref.WeakMethod(renew)

    def in_child() -> None:
        method = weak()
        if method is not None:
            method()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)
