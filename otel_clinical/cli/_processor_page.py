"""The options that say how to reach the page of a running processor, shared by `status` and `explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from otel_clinical.cli._errors import CliError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from prometheus_client.core import Metric

_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option("--url", help="Metrics address of a running processor, as in http://127.0.0.1:9465/metrics."),
    click.option("--token-file", type=_FILE, help="File whose first line is the token to show."),
    click.option(
        "--ca", type=_FILE, help="Authority (PEM) that vouches for the processor, if this machine has it not."
    ),
    click.option("--cert", type=_FILE, help="Certificate (PEM) to show; needs --key."),
    click.option("--key", type=_FILE, help="Its private key (PEM)."),
)


def reaching(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; they arrive as keyword arguments for `scraped`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def scraped(
    *, url: str | None, token_file: Path | None, ca: Path | None, cert: Path | None, key: Path | None
) -> list[Metric]:
    """Return the metric families on the page.

    Raises:
        CliError: A certificate cannot be used.
        AccessError: The token file cannot be used.
        StatusError: The page cannot be read.
    """
    from otel_clinical.access import TokenFile
    from otel_clinical.drift.runtime.status import scrape

    token = TokenFile(token_file).first() if token_file else None
    return scrape(url or "", token, _context(ca, cert, key))


def _context(ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    import ssl

    if (cert is None) is not (key is None):
        raise CliError("--cert and --key go together: give both, or neither")
    if ca is None and cert is None:
        return None
    try:
        context = ssl.create_default_context(cafile=ca)
        if cert is not None:
            context.load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        named = ", ".join(str(path) for path in (ca, cert, key) if path)
        raise CliError(f"{named}: cannot be used ({getattr(error, 'reason', None) or type(error).__name__})") from error
    return context
