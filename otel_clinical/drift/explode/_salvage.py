"""Save what is readable of a request that protobuf refuses as a whole.

One string that is no UTF-8 makes the decoder refuse all records of a request. Read with records left as bytes,
each can be decoded by itself and only the broken ones are lost.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "otel_clinical.salvage"


def salvage(body: bytes) -> Iterator[tuple[Resource, bytes]]:
    """Yield (resource, record bytes) of a trace or logs request; both number their fields alike.

    A resource that cannot be read counts as empty.

    Raises:
        DecodeError: Not even the frame of the request can be read.
    """
    request: Any = _request_class()()
    request.ParseFromString(body)
    for group in request.groups:
        resource = _resource(group.resource)
        for scope in group.scopes:
            for record in scope.records:
                yield resource, record


def _resource(data: bytes) -> Resource:
    resource = Resource()
    try:
        resource.ParseFromString(data)
    except DecodeError:
        resource.Clear()
    return resource


@cache
def _request_class() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="salvage.proto", package=_PACKAGE, syntax="proto3")
    _message(file, "Scope", ("records", 2, _Field.TYPE_BYTES, ""))
    _message(file, "Group", ("resource", 1, _Field.TYPE_BYTES, ""), ("scopes", 2, _Field.TYPE_MESSAGE, "Scope"))
    _message(file, "Request", ("groups", 1, _Field.TYPE_MESSAGE, "Group"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Request"))


def _message(file: descriptor_pb2.FileDescriptorProto, name: str, *fields: tuple[str, int, int, str]) -> None:
    message = file.message_type.add(name=name)
    for field, number, kind, of in fields:
        single = field == "resource"
        label = _Field.LABEL_OPTIONAL if single else _Field.LABEL_REPEATED
        added = message.field.add(name=field, number=number, label=label)
        added.type = kind  # type: ignore[assignment]  # the stub wants the enum, the runtime an int
        if of:
            added.type_name = f".{_PACKAGE}.{of}"
