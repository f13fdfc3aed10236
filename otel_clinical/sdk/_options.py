"""Read the options of an exporter as a configuration file writes them, in the words of the stock `otlp_http`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from otel_clinical._spelling import did_you_mean
from otel_clinical.sdk._settings import GRPC, HTTP, ConfigurationError

_KNOWN: Final = ("protocol", "endpoint", "headers", "headers_list", "timeout", "compression", "tls")
_TLS: Final = ("ca_file", "key_file", "cert_file")


def stock_options(options: Mapping[str, Any], default_protocol: str) -> tuple[str, dict[str, Any]]:
    """Return the protocol and the options of the stock exporter.

    Args:
        options: ``endpoint`` (with the path of the signal, over HTTP), ``headers`` (names with values, or a list of
            ``name`` and ``value``), ``headers_list`` (``name=value,name=value``), ``timeout`` in milliseconds,
            ``compression`` (``gzip`` or ``none``), ``tls`` (``ca_file``, ``key_file``, ``cert_file``; over HTTP) and
            ``protocol``. What is not there comes from `OTEL_EXPORTER_OTLP_*`.
        default_protocol: Protocol when the options do not say.

    Raises:
        ConfigurationError: an option is unknown, or its value makes no sense.
    """
    unknown = sorted(set(options) - set(_KNOWN))
    if unknown:
        meant = did_you_mean(unknown[0], _KNOWN) or ","
        raise ConfigurationError(
            f"otlp_clinical has no option {unknown[0]!r}{meant} expected one of {', '.join(_KNOWN)}"
        )
    protocol = options.get("protocol") or default_protocol
    if protocol not in {HTTP, GRPC}:
        raise ConfigurationError(f"otlp_clinical: protocol is {protocol!r}, expected {HTTP!r} or {GRPC!r}")
    found = {
        "endpoint": options.get("endpoint"),
        "headers": _headers(options),
        "timeout": _seconds(options.get("timeout")),
        "compression": _compression(options.get("compression"), protocol),
        **_tls(options.get("tls"), protocol),
    }
    return protocol, {name: value for name, value in found.items() if value is not None}


def _headers(options: Mapping[str, Any]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in str(options.get("headers_list") or "").split(","))):
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigurationError("otlp_clinical: headers_list is not name=value,name=value")
        found[name.strip()] = value.strip()
    headers = options.get("headers") or {}
    if isinstance(headers, Mapping):
        found |= {str(name): str(value) for name, value in headers.items()}
    elif isinstance(headers, Iterable) and all(isinstance(pair, Mapping) and "name" in pair for pair in headers):
        found |= {str(pair["name"]): str(pair.get("value") or "") for pair in headers}
    else:
        raise ConfigurationError("otlp_clinical: headers are neither names with values nor a list of name and value")
    return found or None


def _seconds(milliseconds: object) -> float | None:
    if milliseconds is None:
        return None
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float) or not milliseconds > 0:
        raise ConfigurationError(f"otlp_clinical: timeout is {milliseconds!r}, expected milliseconds greater than 0")
    return milliseconds / 1000


def _compression(word: object, protocol: str) -> object:
    if word in {None, "none"}:
        return None
    if word != "gzip":
        raise ConfigurationError(f"otlp_clinical: compression is {word!r}, expected 'gzip' or 'none'")
    if protocol == GRPC:
        import grpc  # type: ignore[import-untyped]  # noqa: PLC0415 -- takes a tenth of a second

        return grpc.Compression.Gzip
    from opentelemetry.exporter.otlp.proto.http import Compression  # noqa: PLC0415 -- only when wanted

    return Compression.Gzip


def _tls(tls: object, protocol: str) -> dict[str, str]:
    if not tls:
        return {}
    if not isinstance(tls, Mapping) or set(tls) - set(_TLS):
        raise ConfigurationError(f"otlp_clinical: tls holds something else than {', '.join(_TLS)}")
    if protocol == GRPC:
        raise ConfigurationError("otlp_clinical: over gRPC, name the files in OTEL_EXPORTER_OTLP_CERTIFICATE instead")
    names = {"ca_file": "certificate_file", "key_file": "client_key_file", "cert_file": "client_certificate_file"}
    return {names[name]: str(file) for name, file in tls.items()}
