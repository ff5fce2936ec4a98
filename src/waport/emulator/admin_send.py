"""What a phone is told to send: a text, a file, a message as protobuf JSON, or what refers to one.

Shapes: docs/emulator.md, "What a phone sends".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from google.protobuf.json_format import ParseDict, ParseError

from ..proto import pb
from ..wire import Jid
from .admin_requests import Refused, flag_of, number_of, optional_text, text_of
from .phone import Phone
from .phone_media import OutgoingFile
from .phone_outbox import SentMessage
from .phone_trouble import MAX_SKIP, NO_TROUBLE, PADDINGS, Trouble

MAX_FILE_BODY = 64 << 20
"""Bytes of a call that carries a file, in base64."""

_MAX_TEXT = 65_536
_MAX_BEHIND = 65_536
_MAX_SERVER_ID = 2**31 - 1
_WHAT = (
    "text",
    "file",
    "message",
    "vote",
    "event_response",
    "enc_reaction",
    "enc_edit",
    "reaction",
)
_TROUBLES = frozenset(
    {"skip", "padding", "behind", "damage", "enc_type", "enc_version", "inline", "bare_key"}
)


async def send(phone: Phone, to: Jid, body: Mapping[str, object]) -> SentMessage:
    """Send what the body holds.

    Raises:
        Refused, InvalidInput: it holds nothing, or what makes no sense.
        QueryError, MediaError: it could not be sent.
    """
    given = [name for name in _WHAT if body.get(name) is not None]
    if len(given) != 1:
        raise Refused(400, f"there must be one of {', '.join(_WHAT)}")
    name, message_id = given[0], optional_text(body, "id")
    trouble = _trouble(body.get("trouble"))
    if name == "file":
        if trouble is not NO_TROUBLE:
            raise Refused(400, "there is no trouble with files; send a message")
        return await phone.send_file(to, _file(body), message_id)
    if name == "reaction":
        if not to.is_newsletter:
            raise Refused(400, "a reaction elsewhere is a message")
        server_id = number_of(body, "server_id", default=0, least=1, most=_MAX_SERVER_ID)
        code = body["reaction"]
        if not isinstance(code, str):
            raise Refused(400, "reaction is no text")
        return await phone.outbox.react_in_newsletter(to, server_id, code)
    if name == "text":
        text = text_of(body, "text", _MAX_TEXT)
        message = pb.Message(conversation=text)
    elif name == "message":
        message = _message(body["message"])
    else:
        message = await _add_on(phone, to, name, _object(body[name], name))
    return await phone.send_message(to, message, message_id, trouble=trouble)


async def _add_on(phone: Phone, to: Jid, name: str, told: Mapping[str, object]) -> pb.Message:
    message_id = text_of(told, "id")
    if name == "vote":
        return await phone.vote(to, message_id, _texts(told.get("options"), "options"))
    if name == "event_response":
        return await phone.answer_event(to, message_id, text_of(told, "response"))
    if name == "enc_reaction":
        return await phone.react_secretly(to, message_id, str(told.get("text") or ""))
    content = _message(told.get("message"))
    return await phone.change_secretly(to, message_id, text_of(told, "type"), content)


def _file(body: Mapping[str, object]) -> OutgoingFile:
    return OutgoingFile(
        _bytes(text_of(body, "file", MAX_FILE_BODY), "file"),
        text_of(body, "mimetype"),
        caption=optional_text(body, "caption", _MAX_TEXT),
        name=optional_text(body, "filename"),
        kind=optional_text(body, "kind"),
    )


def _trouble(value: object) -> Trouble:
    if value is None:
        return NO_TROUBLE
    wanted = _object(value, "trouble")
    if unknown := set(wanted) - _TROUBLES:
        raise Refused(400, f"unknown trouble: {', '.join(sorted(map(str, unknown)))}")
    padding = optional_text(wanted, "padding") or "good"
    if padding not in PADDINGS:
        raise Refused(400, "there is no such padding")
    behind = optional_text(wanted, "behind", _MAX_BEHIND)
    return Trouble(
        skip=number_of(wanted, "skip", default=0, least=0, most=MAX_SKIP),
        padding=padding,
        behind=b"" if behind is None else _bytes(behind, "behind"),
        is_damaged=flag_of(wanted, "damage"),
        kind=optional_text(wanted, "enc_type"),
        version=optional_text(wanted, "enc_version") or "2",
        is_inline=flag_of(wanted, "inline"),
        is_bare_key=flag_of(wanted, "bare_key"),
    )


def _message(value: object) -> pb.Message:
    try:
        message = ParseDict(dict(_object(value, "message")), pb.Message())
        message.SerializeToString()
    except (ParseError, UnicodeEncodeError, RecursionError) as exc:
        raise Refused(400, f"message is no Message: {exc}") from exc
    if not message.ListFields():
        raise Refused(400, "message is empty")
    return message


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Refused(400, f"{name} is no JSON object")
    return value


def _texts(value: object, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refused(400, f"{name} is no list of texts")
    return list(value)


def _bytes(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Refused(400, f"{name} is no base64") from exc
