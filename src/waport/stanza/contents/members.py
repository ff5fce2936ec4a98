"""Which member of `pb.Message` stands for which value.

Source: docs/protocol/messages.md, "Content" and "Wrappers".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...model.contents import PollVersion
from ...proto import pb
from . import business, changes, media, plain, polls
from .fields import Spec

WRAPPERS = frozenset(
    described.name
    for described in pb.Message.DESCRIPTOR.fields
    if described.message_type is not None and described.message_type.name == "FutureProofMessage"
)
"""Members that only say how the content inside is to be shown."""

VIEW_ONCE = frozenset(("viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"))
"""Wrappers of what can be seen once."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of `pb.Message`, how to read it, and what of the value the member itself says."""

    name: str
    spec: Spec[Any]
    marks: Mapping[str, Any] = field(default_factory=dict)


def _poll(name: str, version: PollVersion) -> Member:
    return Member(name, polls.POLL, {"version": version})


MEMBERS = (
    Member("extendedTextMessage", plain.TEXT),
    Member("imageMessage", media.IMAGE),
    Member("videoMessage", media.VIDEO, {"is_note": False}),
    Member("ptvMessage", media.VIDEO, {"is_note": True}),
    Member("audioMessage", media.AUDIO),
    Member("documentMessage", media.DOCUMENT),
    Member("stickerMessage", media.STICKER),
    Member("albumMessage", media.ALBUM),
    Member("contactMessage", plain.CONTACT),
    Member("contactsArrayMessage", plain.CONTACTS),
    Member("locationMessage", plain.LOCATION),
    Member("liveLocationMessage", plain.LIVE_LOCATION),
    Member("groupInviteMessage", plain.GROUP_INVITE),
    Member("newsletterFollowerInviteMessageV2", plain.FOLLOWER_INVITE, {"as_admin": False}),
    Member("newsletterAdminInviteMessage", plain.ADMIN_INVITE, {"as_admin": True}),
    Member("requestPhoneNumberMessage", plain.PHONE_NUMBER_REQUEST),
    _poll("pollCreationMessage", PollVersion.V1),
    _poll("pollCreationMessageV2", PollVersion.V2),
    _poll("pollCreationMessageV3", PollVersion.V3),
    _poll("pollCreationMessageV5", PollVersion.V5),
    _poll("pollCreationMessageV6", PollVersion.V6),
    Member("pollUpdateMessage", polls.POLL_VOTE),
    Member("pollResultSnapshotMessage", polls.POLL_RESULTS),
    Member("eventMessage", polls.EVENT),
    Member("encEventResponseMessage", polls.EVENT_RESPONSE),
    Member("reactionMessage", changes.REACTION),
    Member("encReactionMessage", changes.ENCRYPTED_REACTION),
    Member("encCommentMessage", changes.ENCRYPTED_COMMENT),
    Member("secretEncryptedMessage", changes.ENCRYPTED_EDIT),
    Member("pinInChatMessage", changes.PIN),
    Member("keepInChatMessage", changes.KEEP),
    Member("placeholderMessage", changes.PLACEHOLDER),
    Member("buttonsMessage", business.BUTTONS),
    Member("buttonsResponseMessage", business.BUTTONS_REPLY),
    Member("listMessage", business.LIST),
    Member("listResponseMessage", business.LIST_REPLY),
    Member("templateMessage", business.TEMPLATE),
    Member("templateButtonReplyMessage", business.TEMPLATE_REPLY),
    Member("interactiveMessage", business.INTERACTIVE),
    Member("interactiveResponseMessage", business.INTERACTIVE_REPLY),
    Member("productMessage", business.PRODUCT),
    Member("orderMessage", business.ORDER),
)
BY_NAME = {member.name: member for member in MEMBERS}
