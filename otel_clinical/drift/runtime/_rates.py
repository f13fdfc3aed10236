"""How often one source may send: a bucket of tokens for each."""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_BURST_SECONDS = 5.0
_SOURCES = 10_000
_NETWORK_BITS = 64  # of an IPv6 address that name a network; whoever has one has all addresses in it


def source_of(host: str) -> str:
    """Return what stands for all addresses that one sender may have: those of an IPv6 network are one source.

    >>> source_of("10.0.0.7"), source_of("::ffff:10.0.0.7"), source_of("2001:db8:1:2:3:4:5:6")
    ('10.0.0.7', '10.0.0.7', '2001:db8:1:2::')
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, _NETWORK_BITS), strict=False).network_address)


class RateLimit:
    """Requests per second of each source, with five seconds' worth at once; the longest idle of many are forgotten.

    A source is what `source_of` makes of an address.

    Args:
        rate: Requests per second; None lets everybody send as often as they like.
        clock: Monotonic seconds.

    >>> now = [0.0]
    >>> limit = RateLimit(1.0, clock=lambda: now[0])
    >>> [limit.wait("a") for _ in range(6)]
    [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    >>> limit.wait("b")
    0.0
    """

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when there were so many
        self._lock = threading.Lock()

    def wait(self, source: str) -> float:
        """Take a token and return 0; without one, return the seconds until there will be one."""
        if self._rate is None:
            return 0.0
        source = source_of(source)
        full = max(1.0, self._rate * _BURST_SECONDS)
        with self._lock:
            now = self._clock()
            tokens, since = self._buckets.pop(source, (full, now))
            tokens = min(full, tokens + (now - since) * self._rate)
            granted = tokens >= 1.0
            self._buckets[source] = (tokens - 1.0 if granted else tokens), now
            if len(self._buckets) > _SOURCES:
                self._buckets.popitem(last=False)
            return 0.0 if granted else (1.0 - tokens) / self._rate
