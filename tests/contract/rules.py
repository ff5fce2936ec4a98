"""What each route of the contract takes and gives, as data; the cases are made of it.

A rule names a body that works, the whole text for whatever is missing, the type of every field, and
the keys that the answer must have beside `success`.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import Image

PERSON: Final = "15559990000@c.us"
GROUP: Final = "120363000000000001@g.us"
THEIRS: Final = "A"
"""The id of a stored message of somebody else."""
OWN: Final = "B"
"""Of an own one."""
FILE: Final = "F"
"""Of one with a file."""
CODE: Final = "AbCdEfGhIjKlMnOpQrStUv"

TEXT, NUMBER, FLAG, OBJECT, IDS = "a string", "a number", "a boolean", "an object", "an array"

WRONG: Final[Mapping[str, tuple[object, ...]]] = {
    TEXT: (True, ["x"], {"a": 1}, 1.5),
    NUMBER: ("x", True, ["1"], {"a": 1}),
    FLAG: ("maybe", 1, ["true"], {"a": 1}),
    OBJECT: ("x", ["x"], 5, True),
    IDS: ({"a": 1}, True, 1.5),
}
"""Values that are no such thing, kindnesses left out: numeric text and texts for lists are."""


def _picture() -> str:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "green").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


PICTURE: Final = _picture()


@dataclass(frozen=True)
class Rule:
    """One POST route about an account.

    Attributes:
        body: that works.
        missing: the text when a required field is missing; empty where nothing is required.
        types: of the fields whose type is checked, required ones first.
        keys: of the answer, beside `success`.
        needed: the required fields; by default those of `types` that `body` has.
        defined: required fields of which only the absence counts.
        lists: required fields that must be lists, so that another type counts as missing.
    """

    path: str
    body: Mapping[str, object] = field(default_factory=dict)
    missing: str = ""
    types: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ("message",)
    needed: tuple[str, ...] = ()
    defined: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    def without(self, name: str) -> dict[str, object]:
        """The body without a field."""
        return {key: value for key, value in self.body.items() if key != name}


def _rule(path: str, missing: str = "", *, keys: str = "message", **fields: Any) -> Rule:
    """Fields are pairs of an example and a type; `None` as example: it may be left out."""
    body = {name: example for name, (example, _) in fields.items() if example is not None}
    return Rule(
        path,
        body,
        missing,
        {name: kind for name, (_, kind) in fields.items()},
        tuple(keys.split()),
        tuple(body) if missing else (),
    )


def _of_chat(name: str, *, keys: str = "message result", **more: Any) -> Rule:
    return _rule(f"/chat/{name}", "chatId is required", keys=keys, chatId=(PERSON, TEXT), **more)


def _of_person(path: str, *, keys: str = "message result") -> Rule:
    return _rule(path, "contactId is required", keys=keys, contactId=(PERSON, TEXT))


def _of_group(
    name: str, missing: str = "groupId is required", *, keys: str = "message result", **more: Any
) -> Rule:
    return _rule(f"/groupChat/{name}", missing, keys=keys, groupId=(GROUP, TEXT), **more)


def _of_message(
    name: str,
    missing: str = "chatId and messageId are required",
    *,
    message: str = OWN,
    keys: str = "message",
    **more: Any,
) -> Rule:
    return _rule(
        f"/message/{name}",
        missing,
        keys=keys,
        chatId=(PERSON, TEXT),
        messageId=(message, TEXT),
        **more,
    )


def _for_admins(name: str) -> Rule:
    missing = "groupId and adminsOnly are required"
    rule = _of_group(name, missing, adminsOnly=(True, FLAG))
    return Rule(rule.path, rule.body, missing, rule.types, rule.keys, ("groupId",), ("adminsOnly",))


def _react() -> Rule:
    missing = "chatId, messageId, and emoji are required"
    rule = _of_message("react", missing, emoji=("x", TEXT))
    return Rule(
        rule.path,
        rule.body,
        missing,
        rule.types,
        rule.keys,
        ("chatId", "messageId"),
        ("emoji",),
    )


def _star() -> Rule:
    missing = "chatId, messageId, and star are required"
    rule = _of_message("star", missing, star=(True, FLAG))
    return Rule(
        rule.path, rule.body, missing, rule.types, rule.keys, ("chatId", "messageId"), ("star",)
    )


def _send() -> Rule:
    missing = "chatId, contentType, and content are required"
    rule = _rule(
        "/client/sendMessage",
        missing,
        chatId=(PERSON, TEXT),
        contentType=("string", TEXT),
        content=("hello", TEXT),
        options=(None, OBJECT),
    )
    return Rule(
        rule.path,
        rule.body,
        missing,
        rule.types,
        rule.keys,
        ("chatId", "contentType"),
        ("content",),
    )


RULES: Final = (
    # --- client ---
    _send(),
    _rule("/client/getChats", keys="chats", searchOptions=(None, OBJECT)),
    _rule("/client/getChatById", "chatId is required", keys="chat", chatId=(PERSON, TEXT)),
    _rule("/client/getContacts", keys="contacts"),
    _of_person("/client/getContactById", keys="contact"),
    _of_person("/client/isRegisteredUser", keys="isRegistered result"),
    _rule("/client/getInfo", keys="info"),
    _rule("/client/getLabels", keys="labels"),
    Rule(
        "/client/createGroup",
        {"name": "Friends", "participants": [PERSON]},
        "name and participants array are required",
        {"name": TEXT},
        ("group", "response"),
        ("name", "participants"),
        lists=("participants",),
    ),
    _of_person("/client/getProfilePicUrl", keys="profilePicUrl result"),
    _rule("/client/getBlockedContacts", keys="blockedContacts"),
    _of_person("/client/blockContact"),
    _of_person("/client/unblockContact"),
    _rule("/client/setStatus", "status is required", status=("Busy", TEXT)),
    _rule(
        "/client/setDisplayName",
        "displayName is required",
        keys="message result",
        displayName=("Shop", TEXT),
    ),
    _of_person("/client/getCommonGroups", keys="groups"),
    _rule(
        "/client/getNumberId",
        "number is required",
        keys="numberId result",
        number=("15559990000", TEXT),
    ),
    _rule(
        "/client/sendPresenceUpdate",
        "presence is required",
        presence=("available", TEXT),
        chatId=(None, TEXT),
    ),
    # --- chat ---
    _of_chat(
        "fetchMessages",
        keys="messages",
        limit=(None, NUMBER),
        before=(None, TEXT),
        searchOptions=(None, OBJECT),
    ),
    *(
        _of_chat(name)
        for name in (
            *("sendStateTyping", "clearState", "sendStateRecording", "sendSeen", "markUnread"),
            *("archive", "unarchive", "pin", "unpin", "unmute", "clearMessages", "delete"),
        )
    ),
    _of_chat("mute", duration=(None, NUMBER)),
    _of_chat("getLabels", keys="labels"),
    _of_chat("getContact", keys="contact"),
    # --- contact ---
    _of_person("/contact/getAbout", keys="about setAt result"),
    _of_person("/contact/getProfilePicUrl", keys="profilePicUrl result"),
    _of_person("/contact/block"),
    _of_person("/contact/unblock"),
    _of_person("/contact/isBlocked", keys="isBlocked"),
    _of_person("/contact/getCommonGroups", keys="groups"),
    _of_person("/contact/getFormattedNumber", keys="formattedNumber result"),
    _of_person("/contact/getCountryCode", keys="countryCode result"),
    # --- groupChat ---
    _of_group("getGroupInfo", keys="group"),
    _of_group("getParticipants", keys="participants"),
    *(
        Rule(
            f"/groupChat/{name}",
            {"groupId": GROUP, "participants": [PERSON]},
            "groupId and participants array are required",
            {"groupId": TEXT},
            ("message", "result"),
            ("groupId", "participants"),
            lists=("participants",),
        )
        for name in (
            *("addParticipants", "removeParticipants"),
            *("promoteParticipants", "demoteParticipants"),
        )
    ),
    _of_group("setSubject", "groupId and subject are required", subject=("Friends", TEXT)),
    _of_group("setDescription", description=(None, TEXT)),
    _for_admins("setMessagesAdminsOnly"),
    _for_admins("setInfoAdminsOnly"),
    _of_group("leave", keys="message"),
    _of_group("getInviteCode", keys="inviteCode"),
    _of_group("revokeInvite", keys="inviteCode result"),
    _rule(
        "/groupChat/acceptInvite",
        "inviteCode is required",
        keys="groupId acceptInvite",
        inviteCode=(CODE, TEXT),
    ),
    _rule(
        "/groupChat/getInviteInfo",
        "inviteCode is required",
        keys="group inviteInfo",
        inviteCode=(CODE, TEXT),
    ),
    Rule(
        "/groupChat/setPicture",
        {"groupId": GROUP, "image": PICTURE},
        "groupId and image are required",
        {"groupId": TEXT},
        ("message", "result"),
        ("groupId", "image"),
    ),
    _of_group("deletePicture"),
    # --- message ---
    _of_message("getInfo", keys="info"),
    _react(),
    _star(),
    _of_message("delete", forEveryone=(None, FLAG)),
    _of_message(
        "forward",
        "chatId, messageId, and targetChatId are required",
        targetChatId=(PERSON, TEXT),
    ),
    Rule(
        "/message/downloadMedia",
        {"chatId": PERSON, "messageId": FILE},
        "Provide either messageData OR chatId + messageId",
        {"chatId": TEXT, "messageId": TEXT, "messageData": OBJECT},
        ("media", "messageMedia"),
        ("chatId", "messageId"),
    ),
    _of_message("getQuotedMessage", keys="quotedMessage"),
    Rule(
        "/message/getMentions",
        {"chatId": PERSON, "messageId": OWN},
        "Provide either messageData OR chatId + messageId",
        {"chatId": TEXT, "messageId": TEXT, "messageData": OBJECT},
        ("mentions", "contacts"),
        ("chatId", "messageId"),
    ),
    _of_message(
        "edit", "chatId, messageId, and newContent are required", newContent=("changed", TEXT)
    ),
    _of_message("pin", duration=(None, NUMBER)),
    _of_message("unpin"),
)
"""The guarded routes of the server that this one replaces."""
