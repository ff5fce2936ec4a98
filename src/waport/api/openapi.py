"""The API document, made from what the routes declare, so that it says what is true."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from pydantic import JsonValue, TypeAdapter
from typing_extensions import TypedDict

from .fields import body_schema
from .idempotency import MAX_KEY, ONCE
from .routes import Operation
from .schemas.common import ErrorResponse, SuccessEnvelope

VERSION: Final = "3.1.0"
TAGS: Final = {
    "System": "The server itself",
    "Session": "Start, link and end accounts",
    "Client": "What an account does",
    "Chat": "Chats",
    "Contact": "People",
    "Group": "Groups",
    "Message": "Single messages",
    "Channel": "Channels",
    "Events": "Events, over webhooks and WebSockets",
    "Keys": "API keys",
}
_REFERENCE: Final = "#/components/schemas/{model}"
_ERROR: Final = {"$ref": "#/components/schemas/ErrorResponse"}
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
Document = dict[str, Any]


class WebhookEventPayload(TypedDict):
    """The body of a webhook: exactly these keys, in this order.

    `data.addresses` leads from the ids of people in the data to both their addresses, where both
    are known.
    """

    sessionId: str
    dataType: str
    data: dict[str, JsonValue]


class WebSocketEventPayload(WebhookEventPayload, TypedDict):
    """A text frame of the event socket; `timestamp` is the time of sending."""

    timestamp: str


def build_document(operations: Iterable[Operation], base_path: str) -> Document:
    """The OpenAPI document of these routes."""
    shown = [operation for operation in operations if operation.in_document]
    schemas: Document = {}
    for shape in (SuccessEnvelope, ErrorResponse, WebhookEventPayload, WebSocketEventPayload):
        _add_shape(schemas, shape)
    paths: Document = {}
    for operation in shown:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, schemas
        )
    paths["/ws"] = {"get": _event_socket()}
    return {
        "openapi": VERSION,
        "info": {
            "title": "Baileys REST API Server",
            "version": "1.0.0",
            "description": "A WhatsApp account over HTTP, webhooks and WebSockets.",
        },
        "servers": [{"url": base_path or "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": [{"ApiKeyAuth": []}],
        "paths": paths,
        "webhooks": {"whatsappEvent": {"post": _webhook()}},
        "components": {
            "securitySchemes": {
                "ApiKeyAuth": {"type": "apiKey", "in": "header", "name": "x-api-key"}
            },
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _add_shape(schemas: Document, shape: Any) -> Document:
    """Put a typed dictionary and all it is made of among the components; gives the reference."""
    schema = _json_schema(shape)
    schemas.update(schema.get("$defs", {}))
    own = {key: value for key, value in schema.items() if key != "$defs"}
    if "$ref" not in own:
        schemas[shape.__name__] = own
        return {"$ref": _REFERENCE.format(model=shape.__name__)}
    return own


@lru_cache(maxsize=256)
def _json_schema(shape: Any) -> Document:
    return TypeAdapter(shape).json_schema(mode="serialization", ref_template=_REFERENCE)


def _operation(operation: Operation, schemas: Document) -> Document:
    described: Document = {
        "tags": [operation.tag],
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {"200": _success(operation, schemas), **_errors(operation)},
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _parameter_schema(name)}
        for name in _PARAMETER.findall(operation.path)
    ] + [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": text,
            "schema": {"type": "string"},
        }
        for name, text in operation.query
    ]
    if operation.method == "POST":
        parameters.append(_REPEAT_KEY)
    if parameters:
        described["parameters"] = parameters
    if operation.is_open:
        described["security"] = []
    if operation.body is not None:
        name = operation.body.__name__
        schemas[name] = {**body_schema(operation.body), "description": operation.body.__doc__}
        reference = {"schema": {"$ref": _REFERENCE.format(model=name)}}
        content: Document = {
            "application/json": reference,
            "application/x-www-form-urlencoded": reference,
        }
        if operation.takes_file:
            content["multipart/form-data"] = {"schema": _form_schema(schemas[name])}
        described["requestBody"] = {"required": True, "content": content}
    return described


_REPEAT_KEY: Final[Document] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "Makes it safe to send the request again, for 24 hours: it is carried out once, and the "
        "answer comes again with the header `Idempotent-Replayed: true`."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
}

_FROM_FILE: Final = ("content", "contentType", "image")
"""Fields that a file stands for."""


def _form_schema(schema: Document) -> Document:
    """The same fields as a form, with a file in place of the content or the image."""
    is_message = "content" in schema["properties"]
    what = "The file to send; contentType is MessageMedia when left out."
    file = {
        "type": "string",
        "format": "binary",
        "description": what if is_message else "The picture.",
    }
    required = [name for name in schema["required"] if name not in _FROM_FILE]
    return {
        "type": "object",
        "properties": {**schema["properties"], "file": file},
        "required": required,
    }


def _parameter_schema(name: str) -> Document:
    if name == "sessionId":
        return {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": 247}
    return {"type": "string"}


def _success(operation: Operation, schemas: Document) -> Document:
    if operation.answer is None:
        kind = operation.media_type or "application/octet-stream"
        return {
            "description": operation.summary,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}}},
        }
    reference = _add_shape(schemas, operation.answer)
    return {
        "description": operation.answer.__doc__ or operation.summary,
        "content": {"application/json": {"schema": reference}},
    }


def _errors(operation: Operation) -> Document:
    """What a route may answer besides: what it declares, and what follows from its parts."""
    found: dict[int, list[str]] = {}

    def add(status: int, code: str) -> None:
        codes = found.setdefault(status, [])
        if code not in codes:
            codes.append(code)

    for status, code in operation.errors:
        add(status, code)
    if not operation.is_open:
        add(401, "unauthorized")
        add(403, "forbidden")
    if operation.is_guarded:
        add(404, "session_not_found")
        add(400, "session_not_connected")
    if "{" in operation.path:
        add(422, "validation_error")
        add(400, "bad_request")
    if operation.body is not None:
        add(400, "validation_error")
        add(400, "invalid_json")
        add(413, "payload_too_large")
        add(415, "unsupported_media_type")
    if operation.method == "POST" or operation.query:
        add(400, "validation_error")
    if operation.method == "POST":
        add(409, "idempotency_key_in_use")
        add(422, "idempotency_key_reused")
    if operation.name in ONCE and operation.method == "POST":
        add(409, "idempotency_outcome_unknown")
        add(409, "idempotency_answer_not_kept")
    add(500, "internal_error")
    return {
        str(status): {
            "description": ", ".join(codes),
            "content": {"application/json": {"schema": _ERROR}},
        }
        for status, codes in sorted(found.items())
    }


def _event_socket() -> Document:
    return {
        "tags": ["Events"],
        "operationId": "eventSocket",
        "summary": "Receive events over a WebSocket.",
        "description": (
            "An upgrade to a WebSocket. The first text is a greeting; then each event is one text "
            "frame, a WebSocketEventPayload. The text `ping` is answered with `pong`. Without a "
            "key that fits, the socket is closed with 1008."
        ),
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": text,
                "schema": {"type": "string"},
            }
            for name, text in (
                ("sessionId", "Only this session's events."),
                ("after", "Go on after the event of this id; frames carry `id`."),
                ("ids", "`true`: frames carry `id`."),
                ("apiKey", "The key, where no header can be set."),
            )
        ],
        "responses": {
            "101": {"description": "Switching to the WebSocket protocol"},
            "404": {
                "description": "not_found, without an upgrade",
                "content": {"application/json": {"schema": _ERROR}},
            },
        },
    }


def _webhook() -> Document:
    reference = {"$ref": _REFERENCE.format(model="WebhookEventPayload")}
    return {
        "tags": ["Events"],
        "operationId": "whatsappEvent",
        "summary": "An event, posted to your webhook.",
        "requestBody": {"content": {"application/json": {"schema": reference}}},
        "responses": {
            "2XX": {"description": "Taken"},
            "410": {"description": "Never wanted; it is not sent again"},
            "default": {"description": "Anything else: it is sent again later"},
        },
    }
