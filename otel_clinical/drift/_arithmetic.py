"""What stands for the last bits that this process computes."""

from __future__ import annotations

import hashlib

import numpy as np

_NUMBERS = 4096


def arithmetic() -> str:
    """Return a text that differs where exponentials and logarithms of this process differ in a bit.

    IEEE 754 says what a sum, a product and a root are, bit by bit. What it leaves open depends on the C library and, in
    numpy, on the processor.
    """
    steps = np.arange(1, _NUMBERS + 1)
    small, wide = steps * (1.0 / 4099.0), (steps - _NUMBERS / 2) * 0.0171
    found = [np.exp(wide), np.expm1(wide), np.log(small), np.log1p(small), np.logaddexp(wide, small)]
    found += [np.log1p(-small * 0.999), np.exp(-small), np.log(small * 1e6)]
    return hashlib.blake2b(b"".join(one.tobytes() for one in found), digest_size=8).hexdigest()
