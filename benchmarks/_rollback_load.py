"""Post webhooks to a controller at a steady rate: `python -m benchmarks._rollback_load HOST PORT TOKEN RATE SECONDS`.

The body comes from standard input. A rate of 0 sends as fast as answers come. Prints one line of JSON. A delay counts
from when its webhook was due, so that a controller that stalls is not asked less often for it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field

CONNECTIONS = 32


@dataclass
class Load:
    """What was sent and how it was answered; delays in seconds from when each was due."""

    seconds: float = 0.0
    refused: int = 0
    delays: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Webhooks answered 202 per second."""
        return len(self.delays) / self.seconds

    def delay(self, share: float) -> float:
        """Return the delay that `share` of the webhooks do not exceed."""
        return sorted(self.delays)[min(int(share * len(self.delays)), len(self.delays) - 1)]


async def load(address: tuple[str, int], token: str, body: bytes, rate: float, seconds: float) -> Load:
    """Post `body` for so long; at `rate` a second, or at 0 as fast as answers come."""
    found, started = Load(), time.monotonic()
    sent, most = 0, int(rate * seconds) if rate else sys.maxsize
    head = f"POST /v1/alertmanager HTTP/1.1\r\nhost: {address[0]}\r\nauthorization: Bearer {token}\r\n"
    request = f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body

    async def connection() -> None:
        nonlocal sent
        reader, writer = await asyncio.open_connection(*address)
        try:
            while sent < most and time.monotonic() - started < 4 * seconds:
                due = started + sent / rate if rate else time.monotonic()
                if not rate and due - started >= seconds:
                    return
                sent += 1
                await asyncio.sleep(max(due - time.monotonic(), 0.0))
                writer.write(request)
                if await _answer(reader) == 202:
                    found.delays.append(time.monotonic() - due)
                else:
                    found.refused += 1
        finally:
            writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    found.seconds = time.monotonic() - started
    return found


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return int(head.split(b" ", 2)[1])


if __name__ == "__main__":
    _, _host, _port, _token, _rate, _seconds = sys.argv
    _body = sys.stdin.buffer.read()
    print(json.dumps(asdict(asyncio.run(load((_host, int(_port)), _token, _body, float(_rate), float(_seconds))))))
