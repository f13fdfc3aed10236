"""Describe the HTTP interface in OpenAPI 3.1: what a program may send and what it gets."""

from __future__ import annotations

from typing import Any, Final

from otel_clinical._version import __version__
from otel_clinical.rollback.acts import MAX_NOTE, REASONS, ActKind
from otel_clinical.rollback.once import MAX_KEY
from otel_clinical.rollback.ordering import ABOUT, SIGNED, TAKEN
from otel_clinical.rollback.orders import ENDS, TWO_PEOPLE, OrderKind
from otel_clinical.rollback.persons import SCHEME

_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "number"}
_MAYBE_NUMBER: Final = {"type": ["number", "null"]}
_SEGMENT: Final = {
    "type": "object",
    "required": ["name", "value"],
    "properties": {"name": _TEXT, "value": _TEXT},
    "description": "all = all is the whole model.",
}
_HEAD: Final = {
    "type": "object",
    "required": ["seq", "hash"],
    "properties": {"seq": {"type": "integer"}, "hash": _TEXT},
}
_SCHEMAS: Final[dict[str, Any]] = {
    "Problem": {"type": "object", "required": ["error"], "properties": {"error": _TEXT}},
    "Incident": {
        "type": "object",
        "description": "One degradation of one segment under one activation. Figures of fewer than 11 are left out.",
        "required": ["id", "key", "version", "alert", "opened_at", "state", "guards"],
        "properties": {
            "id": {"type": "string", "pattern": "^INC-[0-9a-f]{12}$"},
            "key": {
                "type": "object",
                "required": ["model", "cause", "segment", "activation"],
                "properties": {"model": _TEXT, "cause": _TEXT, "segment": _SEGMENT, "activation": {"type": "integer"}},
            },
            "version": _TEXT,
            "alert": _TEXT,
            "opened_at": {**_NUMBER, "description": "Unix seconds."},
            "closed_at": _MAYBE_NUMBER,
            "acted_at": _MAYBE_NUMBER,
            "state": _TEXT,
            "reason": _TEXT,
            "guards": {"type": "array", "items": {"$ref": "#/components/schemas/Guard"}},
        },
    },
    "Guard": {
        "type": "object",
        "required": ["guard", "result", "because"],
        "properties": {
            "guard": _TEXT,
            "result": {"enum": ["pass", "fail", "unknown", "not_compared"]},
            "because": _TEXT,
        },
    },
    "AuditEvent": {
        "type": "object",
        "required": ["seq", "time", "actor", "action", "object", "data", "hash"],
        "properties": {
            "seq": {"type": "integer"},
            "time": _NUMBER,
            "actor": _TEXT,
            "action": _TEXT,
            "object": _TEXT,
            "data": {"type": "object"},
            "hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        },
    },
    "Model": {
        "type": "object",
        "required": ["model", "mode", "release", "quarantined", "way_back", "orders", "incidents"],
        "properties": {
            "model": _TEXT,
            "mode": {"enum": ["observe", "recommend", "enforce"]},
            "release": {"type": ["object", "null"], "description": "The release pointer; null where there is none."},
            "quarantined": {"type": "array", "items": _TEXT},
            "orders": {"type": "array", "items": {"type": "object", "required": ["kind", "by", "since", "in_force"]}},
            "way_back": {
                "type": ["object", "null"],
                "description": "The version that is known good, or the problem: then people would take over.",
                "required": ["version", "problem"],
            },
            "incidents": {"type": "array", "items": {"type": "object", "required": ["id", "segment", "state"]}},
        },
    },
    "Act": {
        "type": "object",
        "required": ["at", "incident", "kind", "by", "method", "reason", "note"],
        "properties": {"at": _NUMBER, "incident": _TEXT, "kind": {"enum": [kind.value for kind in ActKind]}},
    },
}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
    "description": "Chosen by the sender; the same key with the same request is done once and answered alike.",
}


def document() -> dict[str, Any]:
    """Return the document; every path under `/v1` is in it, and a test holds it against real answers."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "otel-clinical rollback controller",
            "version": __version__,
            "description": "Alerts in, decisions and evidence out. A GET never changes anything.",
        },
        "security": [{"bearer": []}],
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "person": {
                    "type": "http",
                    "scheme": SCHEME,
                    "description": "Signed by `otel-clinical rollback answer`.",
                },
            },
            "schemas": _SCHEMAS,
        },
        "paths": {
            **_machine(),
            **_reading(),
            **{f"/v1/incidents/{{id}}/{kind}": _acting(kind) for kind in ActKind},
            "/v1/incidents/{id}/close": _closing(),
            **{f"/v1/models/{{model}}/{kind}": _ordering(kind) for kind in TAKEN},
        },
    }


def _machine() -> dict[str, Any]:
    sent = {"content": {"application/json": {"schema": {"type": "object"}}}, "required": True}
    refusals = ("400", "401", "408", "413", "415", "503")
    counts = _object(accepted={"type": "integer"}, ignored={"type": "integer"}, refused={"type": "array"})
    return {
        "/v1/alertmanager": {
            "post": {
                "summary": "Take a notification of Alertmanager (webhook, version 4); stored before it is answered.",
                "requestBody": sent,
                "responses": {"202": _answer("Stored.", counts), **_problems(*refusals)},
            }
        },
        "/v1/heartbeat": {
            "post": {
                "summary": "Take the watchdog's alert.",
                "requestBody": sent,
                "responses": {"202": _answer("Heard.", _object(heard={"const": True})), **_problems(*refusals)},
            }
        },
    }


def _reading() -> dict[str, Any]:
    incident, model = _ref("Incident"), _ref("Model")
    return {
        "/v1/models": _get("Every model: what serves, what the controller may do.", _object(models=_list(model))),
        "/v1/models/{model}": _get("One model.", model, _path("model"), "404"),
        "/v1/incidents": _get(
            "Incidents, the newest first.",
            _object(incidents=_list(incident)),
            [_query("model", _TEXT), _query("state", _TEXT), _query("open", {"enum": ["true", "false"]})],
            "400",
        ),
        "/v1/incidents/{id}": _get("One incident with intents, events and audit head.", incident, _path("id"), "404"),
        "/v1/incidents/{id}/report": _get(
            "The report of one incident.", _object(schema=_TEXT, headline=_TEXT, digest=_TEXT), _path("id"), "404"
        ),
        "/v1/acts": _get("What people did.", _object(acts=_list(_ref("Act"))), [_query("incident", _TEXT)]),
        "/v1/audit/checkpoint": _get(
            "The newest signed checkpoint, to be kept elsewhere, and the head of the chain.",
            _object(
                head=_HEAD, checkpoint={"type": ["object", "null"], "required": ["seq", "hash", "time", "signature"]}
            ),
        ),
        "/v1/audit": _get(
            "Audit events after a sequence number, 1,000 at a time, and the head.",
            _object(events=_list(_ref("AuditEvent")), head=_HEAD),
            [_query("after", {"type": "integer", "minimum": 0})],
            "400",
        ),
        "/v1/releases": _get(
            "The release ledger.", _object(activations={"type": "array"}, quarantines={"type": "array"})
        ),
        "/v1/openapi.json": _get("This document.", _object(openapi=_TEXT, paths={"type": "object"})),
    }


def _acting(kind: ActKind) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["reason"],
        "additionalProperties": False,
        "properties": {
            "by": {
                "type": "string",
                "minLength": 1,
                "maxLength": 128,
                "description": "Who: kept in the audit. Left out of a request that a person has signed.",
            },
            "reason": {"enum": list(REASONS[kind])},
            "note": {"type": "string", "maxLength": MAX_NOTE, "description": "No patient data."},
        },
    }
    answer = _object(incident=_TEXT, act={"const": kind.value}, by=_TEXT, state=_TEXT)
    refusals = ("400", "401", "404", "408", "409", "413", "415", "422", "503")
    return {
        "post": {
            "summary": f"{kind.value.capitalize()} an incident.",
            "security": [{"bearer": []}, {"person": []}],
            "parameters": [*_path("id"), _KEY],
            "requestBody": {"content": {"application/json": {"schema": body}}, "required": True},
            "responses": {"200": _answer("Stored.", answer), **_problems(*refusals)},
        }
    }


def _closing() -> dict[str, Any]:
    reason = {"type": "string", "minLength": 1, "description": "No patient data."}
    body = {"type": "object", "required": ["reason"], "additionalProperties": False, "properties": {"reason": reason}}
    answer = _object(incident=_TEXT, act={"const": "close"}, by=_TEXT, state=_TEXT)
    refusals = ("400", "401", "404", "408", "409", "413", "415", "422", "503")
    return {
        "post": {
            "summary": "Close an incident that the controller left undecided, or clear a review; signed by a person.",
            "security": [{"person": []}],
            "parameters": [*_path("id"), _KEY],
            "requestBody": {"content": {"application/json": {"schema": body}}, "required": True},
            "responses": {"200": _answer("Stored; taken up within a second.", answer), **_problems(*refusals)},
        }
    }


def _ordering(kind: OrderKind) -> dict[str, Any]:
    two, signed = kind in TWO_PEOPLE, kind in SIGNED
    wanted = {"reason": {"type": "string", "minLength": 1, "description": "No patient data."}}
    if about := ABOUT.get(kind):
        wanted[about] = {"type": "string", "minLength": 1}
    if kind in ENDS:
        wanted["seconds"] = {"type": "number", "exclusiveMinimum": 0, "maximum": ENDS[kind]}
    by = {} if signed else {"by": {"type": "string", "minLength": 1, "description": "Left out of a signed request."}}
    body = {"type": "object", "required": list(wanted), "additionalProperties": False, "properties": {**wanted, **by}}
    answer = _object(model=_TEXT, kind={"const": kind.value}, by=_TEXT, second_within=_MAYBE_NUMBER, order=_NUMBER)
    refusals = ("400", "401", "404", "408", "409", "413", "415", "422", "503")
    again = " Takes two people: each signs it, the second within an hour." if two else ""
    return {
        "post": {
            "summary": f"Order {kind.value.replace('_', ' ')} for a model.{again}",
            "security": [{"person": []}] if signed else [{"bearer": []}, {"person": []}],
            "parameters": [*_path("model"), _KEY],
            "requestBody": {"content": {"application/json": {"schema": body}}, "required": True},
            "responses": {"202": _answer("Stored; taken up within a second.", answer), **_problems(*refusals)},
        }
    }


def _get(summary: str, schema: Any, parameters: list[dict[str, Any]] | None = None, *refusals: str) -> dict[str, Any]:
    responses = {"200": _answer(summary, schema), **_problems("401", *refusals)}
    return {"get": {"summary": summary, "parameters": parameters or [], "responses": responses}}


def _answer(description: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problems(*codes: str) -> dict[str, Any]:
    return {code: _answer("Refused; says why.", _ref("Problem")) for code in codes}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _path(name: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": _TEXT}]


def _query(name: str, schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}
