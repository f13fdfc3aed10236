"""Read a body of known length straight into the memory that it is used in."""

import io

from starlette.requests import ClientDisconnect, Request

from otel_clinical.drift.runtime._connection import Fill


async def whole(request: Request, announced: int, fill: Fill) -> bytes:
    """Return the body of a request of `announced` bytes.

    Args:
        request: Nothing of its body has been read.
        announced: Its length, at least one.
        fill: The extension `FILL` of its connection.

    Raises:
        ClientDisconnect: The sender went away before the body began.
        ConnectionResetError: The sender went away before its end.
    """
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    first: bytes = message["body"]
    if not message["more_body"]:
        return first
    room = io.BytesIO(bytes(announced))
    with room.getbuffer() as buffer:
        buffer[: len(first)] = first
        await fill(buffer[len(first) :])
    return room.getvalue()  # the memory itself: `BytesIO` copies only what it shares
