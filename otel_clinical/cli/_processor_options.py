"""The options that say where a processor listens and keeps its state, shared by `run` and `check`."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from otel_clinical.cli._errors import CliError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otel_clinical.drift.runtime import ProcessorSettings

_FILE = click.Path(path_type=Path, dir_okay=False)
_DIRECTORY = click.Path(path_type=Path, file_okay=False)

_OPTIONS = (
    click.option("--policy", "policy_path", type=_FILE, required=True, help="Policy file."),
    click.option(
        "--state", type=_DIRECTORY, required=True, help="State directory, on a local disk; one per processor."
    ),
    click.option(
        "--http", default="127.0.0.1:4318", show_default=True, help="OTLP/HTTP address; port 0: any free one."
    ),
    click.option("--grpc", default="127.0.0.1:4317", show_default=True, help="OTLP/gRPC address."),
    click.option("--metrics", default="127.0.0.1:9465", show_default=True, help="Address of /metrics for Prometheus."),
    click.option("--token-file", type=_FILE, help="Bearer tokens to ask for: one, or two while rotating."),
    click.option("--tls-cert", type=_FILE, help="Certificate chain (PEM) for all three addresses; needs --tls-key."),
    click.option("--tls-key", type=_FILE, help="Its private key (PEM)."),
    click.option(
        "--tls-client-ca", type=_FILE, help="Authority (PEM): clients of all three must show a certificate of it."
    ),
    click.option(
        "--rate-limit",
        type=click.FloatRange(min=0, min_open=True),
        help="Requests per second that one source may send; others are told when to come back. No limit by default.",
    ),
    click.option(
        "--insecure", is_flag=True, help="Listen where other machines can reach it without a token, or without TLS."
    ),
    click.option(
        "--checkpoint-every",
        type=click.FloatRange(min=0.01),
        default=2.0,
        show_default=True,
        help="Seconds after which what changed is saved and the journal is trimmed.",
    ),
)


def listening(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a processor; they arrive as keyword arguments for `settings_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_of(*, state: Path, http: str, grpc: str, metrics: str, **other: Any) -> ProcessorSettings:
    """Return the settings that the options stand for, without `policy_path`.

    Raises:
        CliError: Options that do not go together.
        AccessError: An address, or a certificate and its key, cannot be used.
    """
    from otel_clinical.access import Address
    from otel_clinical.drift.runtime import ProcessorSettings, WriterSettings

    return ProcessorSettings(
        state=state,
        http=Address.parse(http, "--http"),
        grpc=Address.parse(grpc, "--grpc"),
        metrics=Address.parse(metrics, "--metrics"),
        token_file=other["token_file"],
        certificate=_certificate(other["tls_cert"], other["tls_key"], other["tls_client_ca"]),
        insecure=other["insecure"],
        rate_limit=other["rate_limit"],
        writer=WriterSettings(checkpoint_seconds=other["checkpoint_every"]),
    )


def _certificate(chain: Path | None, key: Path | None, clients: Path | None) -> Any:
    from otel_clinical.access import Certificate

    if (chain is None) is not (key is None):
        raise CliError("--tls-cert and --tls-key go together: give both, or neither")
    if clients is not None and chain is None:
        raise CliError("--tls-client-ca needs --tls-cert and --tls-key: without TLS no certificate is shown")
    return Certificate(chain, key, clients) if chain and key else None


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a person can do something about into one sentence."""
    from otel_clinical.access import AccessError
    from otel_clinical.drift.detectors import DetectorError
    from otel_clinical.drift.runtime import ListenError, StateDirectoryError
    from otel_clinical.drift.runtime.status import StatusError
    from otel_clinical.policy import BaselineError

    try:
        yield
    except (AccessError, DetectorError, ListenError, StateDirectoryError, StatusError, BaselineError) as error:
        raise CliError(str(error)) from error
