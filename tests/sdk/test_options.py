"""Options of an exporter in a configuration file are those of the stock `otlp_http`, and mistakes are named."""

from __future__ import annotations

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression

from otel_clinical.sdk import ConfigurationError
from otel_clinical.sdk._options import stock_options

HTTP, GRPC = "http/protobuf", "grpc"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (HTTP, {})),
        ({"endpoint": "http://c/v1/traces"}, (HTTP, {"endpoint": "http://c/v1/traces"})),
        ({"timeout": 2500}, (HTTP, {"timeout": 2.5})),
        ({"headers": [{"name": "a", "value": "b"}]}, (HTTP, {"headers": {"a": "b"}})),
        ({"headers": {"a": "b"}}, (HTTP, {"headers": {"a": "b"}})),
        ({"headers_list": "a=b, c=d", "headers": {"a": "x"}}, (HTTP, {"headers": {"a": "x", "c": "d"}})),
        ({"compression": "gzip"}, (HTTP, {"compression": Compression.Gzip})),
        ({"compression": "none"}, (HTTP, {})),
        ({"protocol": GRPC, "compression": "gzip"}, (GRPC, {"compression": grpc.Compression.Gzip})),
        (
            {"tls": {"ca_file": "c", "key_file": "k", "cert_file": "p"}},
            (HTTP, {"certificate_file": "c", "client_key_file": "k", "client_certificate_file": "p"}),
        ),
    ],
)
def test_what_the_stock_exporter_gets(options, expected):
    assert stock_options(options, HTTP) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "x"}, "no option 'url', expected one of protocol, endpoint"),
        ({"protocol": "http/json"}, "protocol is 'http/json'"),
        ({"timeout": 0}, "timeout is 0, expected milliseconds"),
        ({"timeout": "soon"}, "timeout is 'soon'"),
        ({"headers": "a=b"}, "headers are neither"),
        ({"headers_list": "secret"}, "headers_list is not"),
        ({"compression": "zstd"}, "compression is 'zstd'"),
        ({"tls": {"insecure": True}}, "tls holds something else"),
        ({"protocol": GRPC, "tls": {"ca_file": "c"}}, "OTEL_EXPORTER_OTLP_CERTIFICATE instead"),
    ],
)
def test_a_mistake_is_named(options, message):
    with pytest.raises(ConfigurationError, match=message):
        stock_options(options, HTTP)
