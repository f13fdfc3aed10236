"""OTLP over gRPC: ``TraceService`` and ``LogsService``, raw bytes in and out."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import grpc  # type: ignore[import-untyped]

from otel_clinical.access import Address, Certificate, TokenFile
from otel_clinical.drift.runtime import _answers
from otel_clinical.drift.runtime._entry import Signal
from otel_clinical.drift.runtime._listen import ListenError, bind
from otel_clinical.drift.runtime._patience import READ_SECONDS, Deadlines, Turns
from otel_clinical.drift.runtime._rates import source_of
from otel_clinical.drift.runtime._refusals import (
    RateLimitedError,
    RefusedError,
    UnauthenticatedError,
    UnavailableError,
    UndecodableError,
)
from otel_clinical.drift.runtime.intake import MAXIMUM_BODY, Intake

_SERVICES = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_COMMIT_SECONDS = 4.0  # exporters wait for 5: a later answer would only make a duplicate
_WORKERS = 32
_READING = 8  # messages received at once: each may be of the largest size
_TURN_SECONDS = 5.0
# The core refuses what is larger, before and after decompression, with RESOURCE_EXHAUSTED. `so_reuseport` off:
# a second processor on the same port must fail to start, not share its traffic.
_OPTIONS = (
    ("grpc.max_receive_message_length", MAXIMUM_BODY),
    ("grpc.max_concurrent_streams", 64),
    ("grpc.so_reuseport", 0),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 600_000),
)


class RpcReceiver:
    """The gRPC server.

    Args:
        address: Where to listen.
        intake: Where requests go.
        tokens: Who may send; None lets everybody who can connect.
        certificate: Serve TLS with it; None serves plain text.

    Raises:
        ListenError: The address is in use or not ours.
    """

    def __init__(
        self, address: Address, intake: Intake, tokens: TokenFile | None, certificate: Certificate | None
    ) -> None:
        self._deadlines = Deadlines()
        self._reading = Turns(_READING, _WORKERS)
        self._intake = intake
        self._pool = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="otel-clinical-grpc")
        interceptors = () if tokens is None else (_Authentication(tokens, intake),)
        self._server = grpc.server(self._pool, interceptors=interceptors, options=_OPTIONS)
        self._server.add_generic_rpc_handlers(
            tuple(
                grpc.method_handlers_generic_handler(
                    service, {"Export": grpc.stream_unary_rpc_method_handler(self._export(signal))}
                )
                for signal, service in _SERVICES.items()
            )
        )
        bind(address).close()  # the core would print its own lines about a port that is taken
        try:
            port = self._listen(str(address), certificate)
        except RuntimeError as error:
            raise ListenError(
                f"{address}: cannot be listened on; is it in use, or not an address of this host?"
            ) from error
        self.address = Address(address.host, port)

    def start(self) -> None:
        """Begin to serve."""
        self._deadlines.start()
        self._server.start()

    def _listen(self, address: str, certificate: Certificate | None) -> int:
        if certificate is None:
            return int(self._server.add_insecure_port(address))
        pair = certificate.key.read_bytes(), certificate.chain.read_bytes()
        clients = None if certificate.clients is None else certificate.clients.read_bytes()
        credentials = grpc.ssl_server_credentials([pair], clients, require_client_auth=clients is not None)
        return int(self._server.add_secure_port(address, credentials))

    def stop(self, grace: float) -> None:
        """Take no new calls, let those under way finish within `grace` seconds."""
        self._server.stop(grace).wait()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._deadlines.stop()

    def _export(self, signal: Signal) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
        """Return the handler of a service.

        It takes a stream, of which a unary call is one message on the wire: so it runs before the message is there,
        and decides when, and for how long, it is received.
        """

        def export(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            try:
                source = source_of(_source(context.peer()))
                self._intake.admit(source)
                body = self._receive(messages, context, source)
                return b"" if body is None else _accept(signal, self._intake, body, source)
            except RefusedError as error:
                self._intake.refused(signal, error)
                context.set_code(_CODES[error.code])
                context.set_details(str(error))
                if isinstance(error, RateLimitedError):
                    context.set_trailing_metadata([("grpc-status-details-bin", _answers.refused(error))])
                return b""

        return export

    def _receive(self, messages: Iterator[bytes], context: grpc.ServicerContext, source: str) -> bytes | None:
        """Return the message; None if the call ended before it was there, or was ended because it took too long."""
        if not self._reading.take(source, _TURN_SECONDS):
            raise UnavailableError("the processor is busy")
        try:
            with self._deadlines.within(READ_SECONDS, context.cancel):
                return next(messages)
        except StopIteration:
            raise UndecodableError("the call has no message") from None
        except grpc.RpcError:
            return None
        finally:
            self._reading.give_back(source)


def _source(peer: str) -> str:
    """Return the host of a peer as gRPC writes it.

    >>> _source("ipv4:10.0.0.7:5123"), _source("ipv6:%5B::1%5D:5123")
    ('10.0.0.7', '::1')
    """
    host = unquote(peer).partition(":")[2].rpartition(":")[0]
    return host.removeprefix("[").removesuffix("]")


def _accept(signal: Signal, intake: Intake, body: bytes, source: str) -> bytes:
    with intake.budget(source) as budget:
        budget.take(len(body))
        pending = intake.accept(signal, body)
        try:
            pending.durable.result(_COMMIT_SECONDS)
        except TimeoutError as error:
            pending.durable.cancel()
            raise UnavailableError("the journal did not take the request in time") from error
    return _answers.accepted(signal, pending.rejections)


class _Authentication(grpc.ServerInterceptor):  # type: ignore[misc]
    """Turn away calls without an active token before their message is read."""

    def __init__(self, tokens: TokenFile, intake: Intake) -> None:
        self._tokens = tokens
        error = UnauthenticatedError("show a token: authorization: Bearer ...")

        def refuse(_messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            intake.refused(Signal.TRACES, error)  # which of the two is not told apart, and not needed
            context.set_code(_CODES[error.code])
            context.set_details(str(error))
            return b""

        self._refusal = grpc.stream_unary_rpc_method_handler(refuse)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Return the handler of the call, or one that refuses it."""
        metadata = dict(handler_call_details.invocation_metadata)
        if self._tokens.accepts(metadata.get("authorization")):
            return continuation(handler_call_details)
        return self._refusal
