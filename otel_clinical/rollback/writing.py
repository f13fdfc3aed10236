"""Take a request that changes something: the key of its sender, its fields, and what it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_clinical.rollback.acts import ActRefusedError
from otel_clinical.rollback.alerts import MalformedNotificationError, load_json
from otel_clinical.rollback.once import MAX_KEY, KeyReusedError
from otel_clinical.rollback.orders import OrderRefusedError
from otel_clinical.rollback.refusal import RequestRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.rollback.persons import Person


def checked_key(idempotency: str | None) -> str:
    """Return the key of a request.

    Raises:
        RequestRefusedError: There is none, it is too long, or it cannot be printed.
    """
    if not idempotency or len(idempotency) > MAX_KEY or not idempotency.isprintable():
        raise RequestRefusedError(400, f"expected a header Idempotency-Key of 1 to {MAX_KEY} characters")
    return idempotency


def fields_of(body: bytes, person: Person | None) -> dict[str, Any]:
    """Return what a body says; who has signed is who did it, whatever else it says.

    Raises:
        RequestRefusedError: It is no JSON that could be meant.
    """
    try:
        found: Any = load_json(body)
    except MalformedNotificationError as error:
        raise RequestRefusedError(400, str(error)) from None
    fields: dict[str, Any] = dict(found) if isinstance(found, dict) else {}
    return fields if person is None else {**fields, "by": person.name}


def stored_once(store: Callable[[], tuple[dict[str, Any], bool]], then: Callable[[], None]) -> dict[str, Any]:
    """Return the answer to what is stored once by its key, and do what follows the first time.

    Raises:
        RequestRefusedError: The key was sent with another request, or what is asked for cannot be.
    """
    try:
        answer, again = store()
    except KeyReusedError as error:
        raise RequestRefusedError(422, str(error)) from None
    except (ActRefusedError, OrderRefusedError) as error:
        raise RequestRefusedError(409, str(error)) from None
    if not again:
        then()
    return answer
