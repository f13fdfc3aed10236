"""Search everything that was captured for markers that must not leave."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

from otel_clinical.testing._unpack import unpacked, unpacked_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from otel_clinical.testing._capture import Capture

MIN_MARKER: Final = 6
"""Shorter markers would be found by chance in random ids."""


def assert_no_phi(capture: Capture, markers: Iterable[str], *, also: Iterable[str | bytes] = ()) -> None:
    """Fail if a marker is anywhere in what was captured: names, keys, values, resources, exemplars, of any library.

    Each marker is looked for in any case, as base64, hexadecimal, in URL encoding and UTF-16, and inside what is
    compressed with zlib, gzip, bz2 or lzma, up to four layers deep; numbers are read as text.

    Args:
        capture: What was captured.
        markers: What the test put into its inputs, 6 characters or more each.
        also: Other texts or bytes to search, such as `caplog.text` or the body of a request.

    Raises:
        AssertionError: a marker was found, or nothing was captured.
        ValueError: there is no marker, or one is too short.
    """
    wanted = _checked(markers)
    texts = [*_captured(capture)]
    if not texts:
        raise AssertionError("nothing was captured: was the code under test called inside the capture?")
    texts += [
        ("also", text) for given in also for text in ([given] if isinstance(given, str) else unpacked_bytes(given))
    ]
    found = [
        f"{marker!r} ({form}) in {place}"
        for place, text in texts
        for marker, forms in wanted.items()
        for form in _found(text, marker, forms)
    ]
    if found:
        raise AssertionError("patient data would leave:\n" + "\n".join(f"- {hit}" for hit in dict.fromkeys(found)))


def _found(text: str, marker: str, forms: list[tuple[str, str]]) -> Iterator[str]:
    plain = [form for form, needle in forms if needle in (text if form == "base64" else text.casefold())]
    yield from plain
    if not plain and any(marker.casefold() in inner.casefold() for inner in unpacked(text)):
        yield "encoded or compressed"


def _checked(markers: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    if isinstance(markers, str):
        raise ValueError(f"markers is {markers!r}, expected a list of texts")  # noqa: TRY004
    wanted = {marker: list(_forms(marker)) for marker in markers}
    if not wanted:
        raise ValueError("markers is empty, expected what the test put into its inputs")
    for marker in wanted:
        if len(marker) < MIN_MARKER:
            raise ValueError(f"marker {marker!r} has {len(marker)} characters, expected {MIN_MARKER} or more")
    return wanted


def _forms(marker: str) -> Iterator[tuple[str, str]]:
    raw = marker.encode()
    yield "text", marker.casefold()
    yield "hex", raw.hex()
    for encoded in {quote(marker, safe=""), quote_plus(marker)} - {marker}:
        yield "URL", encoded.casefold()
    # A marker inside a longer text starts at one of three positions in the groups of base64. The characters at its
    # edges depend on its neighbours and are left out.
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).decode()
        whole = (shift + len(raw)) * 8 // 6
        yield "base64", encoded[-(-shift * 8 // 6) : whole]


def _captured(capture: Capture) -> Iterator[tuple[str, str]]:
    """Yield every text that was captured, with the place where it is."""
    for span in capture.spans:
        yield from _leaves(f"span {span.name}", json.loads(span.to_json()))
    for event in capture.events:
        scope = event.instrumentation_scope
        yield from _leaves(f"event {event.log_record.event_name}", json.loads(event.to_json()))
        yield from _leaves("scope", json.loads(scope.to_json()) if scope is not None else None)
    data = capture.metrics_data()
    if data is not None:
        yield from _leaves("metrics", json.loads(data.to_json()))


def _leaves(place: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield place, str(key)
            yield from _leaves(f"{place}.{key}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(place, inner)
    elif value is not None:
        yield place, str(value)
