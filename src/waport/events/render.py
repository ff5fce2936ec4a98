"""Domain events as the frames that webhooks and event sockets carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from ..errors import InvalidInput
from ..model import (
    AboutChanged,
    AccountChanged,
    AckChanged,
    Authenticated,
    AuthFailure,
    BusinessChanged,
    CallChanged,
    ChannelChanged,
    ChatArchived,
    ChatFlagged,
    ChatRemoved,
    ChatTimerChanged,
    ContactRefreshed,
    ContactSaved,
    CredentialsSaved,
    DefaultTimerChanged,
    Disconnected,
    DomainEvent,
    EventAnswered,
    GroupChanged,
    HistoryProgress,
    IdentityChanged,
    MediaUploaded,
    MessageAdded,
    MessageDeleted,
    MessageEdited,
    MessageKey,
    MessagePinned,
    MessageRevoked,
    MessageStarred,
    MessageUndecryptable,
    MexNoticed,
    NoticeReceived,
    NumberChanged,
    PairingCodeReady,
    PasskeyChanged,
    PictureChanged,
    PostCounted,
    PresenceChanged,
    QrReady,
    ReactionChanged,
    Ready,
    SettingChanged,
    StateChanged,
    UnreadChanged,
    VoteChanged,
)
from ..wire import Jid
from .call_frames import call_frame
from .chat_frames import chat_frame
from .frames import SESSION_LANE, Frame
from .group_frames import group_frames
from .ids import jid_text
from .message_frames import HasReaction, MessageFrames

__all__ = ["KINDS", "SESSION_LANE", "Frame", "render"]

KINDS: Mapping[type[DomainEvent], tuple[str, ...]] = {
    QrReady: ("qr",),
    PairingCodeReady: ("code",),
    PasskeyChanged: ("passkey",),
    Authenticated: ("authenticated",),
    Ready: ("ready",),
    AuthFailure: ("auth_failure",),
    StateChanged: ("change_state",),
    Disconnected: ("disconnected",),
    CredentialsSaved: ("remote_session_saved",),
    MessageAdded: ("message_create", "message"),
    MessageUndecryptable: ("message_ciphertext",),
    AckChanged: ("message_ack",),
    MessageEdited: ("message_edit",),
    MessageRevoked: ("message_revoke_everyone",),
    MessageDeleted: ("message_revoke_me",),
    ReactionChanged: ("message_reaction",),
    VoteChanged: ("vote_update",),
    MediaUploaded: ("media_uploaded",),
    GroupChanged: (
        "group_join",
        "group_leave",
        "group_update",
        "group_admin_changed",
        "group_membership_request",
    ),
    EventAnswered: (),
    MessagePinned: (),
    ChatTimerChanged: (),
    IdentityChanged: (),
    ChannelChanged: (),
    PostCounted: (),
    MexNoticed: (),
    BusinessChanged: (),
    AboutChanged: (),
    AccountChanged: (),
    ContactRefreshed: (),
    DefaultTimerChanged: (),
    NoticeReceived: (),
    PictureChanged: (),
    NumberChanged: ("contact_changed",),
    PresenceChanged: (),
    ChatArchived: ("chat_archived",),
    ChatRemoved: ("chat_removed",),
    UnreadChanged: ("unread_count",),
    ChatFlagged: (),
    MessageStarred: (),
    ContactSaved: (),
    SettingChanged: (),
    CallChanged: ("call",),
    HistoryProgress: ("loading_screen",),
}
"""The kinds of frame that an event may become; making them is not cheap."""


def _never(_: MessageKey) -> bool:
    return False


def render(
    event: DomainEvent, own: Jid | None = None, *, has_reaction: HasReaction = _never
) -> list[Frame]:
    """The frames of an event, in the order in which they leave.

    Args:
        event: what happened.
        own: the account's address; needed for events about messages and groups.
        has_reaction: whether somebody's reaction to a message stands.
    Raises:
        InvalidInput: an event about a message or a group without the account's address.
    """
    match event:
        case QrReady(text):
            return [Frame.of("qr", {"qr": text})]
        case PairingCodeReady(code):
            return [Frame.of("code", {"code": code})]
        case PasskeyChanged(state):
            shown = {"stage": state.stage.value, "publicKey": dict(state.options)}
            return [Frame.of("passkey", {**shown, "code": state.code or None})]
        case Authenticated():
            return [Frame.of("authenticated", {})]
        case Ready(jid, push_name):
            return [Frame.of("ready", {"id": jid_text(jid), "pushname": push_name or None})]
        case AuthFailure(message=text):
            return [Frame.of("auth_failure", {"message": text})]
        case StateChanged(state):
            return [Frame.of("change_state", {"state": state})]
        case Disconnected(reason):
            return [Frame.of("disconnected", {"reason": reason})]
        case CredentialsSaved():
            return [Frame.of("remote_session_saved", {})]
        case (
            EventAnswered()
            | MessagePinned()
            | ChatTimerChanged()
            | IdentityChanged()
            | BusinessChanged()
            | AboutChanged()
            | AccountChanged()
            | ContactRefreshed()
            | DefaultTimerChanged()
            | NoticeReceived()
            | PictureChanged()
            | ChatFlagged()
            | MessageStarred()
            | ContactSaved()
            | SettingChanged()
            | PresenceChanged()
            | ChannelChanged()
            | PostCounted()
            | MexNoticed()
        ):
            # The contract has no word for these.
            return []
        case NumberChanged(old, new, is_contact):
            data = {
                "message": None,
                "oldId": jid_text(old),
                "newId": jid_text(new),
                "isContact": is_contact,
            }
            # In the chat's lane: what is told of the chat afterwards comes after it.
            return [Frame.of("contact_changed", data, lane=str(new))]
        case HistoryProgress(percent=percent):
            return [Frame.of("loading_screen", {"percent": percent, "message": "WhatsApp"})]
        case ChatArchived() | ChatRemoved() | UnreadChanged():
            return [chat_frame(event)]
        case CallChanged():
            return [call_frame(event)]
        case GroupChanged():
            return group_frames(event, _needed(own))
        case (
            MessageAdded()
            | MessageUndecryptable()
            | AckChanged()
            | MessageEdited()
            | MessageRevoked()
            | MessageDeleted()
            | ReactionChanged()
            | VoteChanged()
            | MediaUploaded()
        ):
            return MessageFrames(_needed(own), has_reaction).of(event)
    assert_never(event)


def _needed(own: Jid | None) -> Jid:
    if own is None:
        raise InvalidInput("an event about a message or a group needs the account's own address")
    return own
