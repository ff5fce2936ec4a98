"""Domain events as the frames that webhooks and event sockets carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from ..errors import InvalidInput
from ..model import (
    AboutChanged,
    AccountChanged,
    AckChanged,
    Authenticated,
    AuthFailure,
    BacklogProgress,
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
    MediaFetched,
    MediaUploaded,
    MessageAdded,
    MessageDeleted,
    MessageEdited,
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
from .call_frames import call_frames
from .chat_frames import chat_frame
from .frames import SESSION_LANE, Frame, PayloadForm
from .group_frames import group_frames
from .ids import jid_text
from .lookups import Lookups, NothingKnown
from .message_frames import MessageFrames

__all__ = ["KINDS", "SESSION_LANE", "Frame", "render"]

SessionEvent = (
    QrReady
    | PairingCodeReady
    | PasskeyChanged
    | Authenticated
    | Ready
    | AuthFailure
    | StateChanged
    | Disconnected
    | CredentialsSaved
)
"""Events about the session itself."""

KINDS: Mapping[type[DomainEvent], tuple[str, ...]] = {
    QrReady: ("qr",),
    PairingCodeReady: ("code",),
    PasskeyChanged: ("passkey",),
    Authenticated: ("authenticated",),
    Ready: ("ready",),
    AuthFailure: ("auth_failure", "status"),
    StateChanged: ("change_state",),
    Disconnected: ("disconnected",),
    CredentialsSaved: ("remote_session_saved",),
    MessageAdded: ("message_create", "message", "unread_count"),
    MessageUndecryptable: ("message_ciphertext",),
    AckChanged: ("message_ack",),
    MessageEdited: ("message_edit",),
    MessageRevoked: ("message_revoke_everyone",),
    MessageDeleted: ("message_revoke_me",),
    ReactionChanged: ("message_reaction",),
    VoteChanged: ("vote_update",),
    MediaUploaded: ("media_uploaded",),
    MediaFetched: ("media",),
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
    BacklogProgress: ("loading_screen",),
}
"""The kinds of frame that an event may become; making them is not cheap."""


_NOTHING_KNOWN: Final = NothingKnown()

_WWEBJS_REASONS: Final = {
    "logged_out": "LOGOUT",
    "connection_lost": "TIMEOUT",
    "connection_replaced": "CONFLICT",
    "banned": "TOS_BLOCK",
    "client_outdated": "DEPRECATED_VERSION",
}
"""Why a link is gone, in the words of the older server."""


def render(
    event: DomainEvent,
    own: Jid | None = None,
    *,
    lookups: Lookups = _NOTHING_KNOWN,
    form: PayloadForm = PayloadForm.FLAT,
) -> list[Frame]:
    """The frames of an event, in the order in which they leave.

    Args:
        event: what happened.
        own: the account's address; needed for events about messages, chats and groups.
        lookups: knows what else is stored.
        form: whose readers they are for.
    Raises:
        InvalidInput: an event about a message, chat or group without the account's address.
    """
    match event:
        case (
            QrReady()
            | PairingCodeReady()
            | PasskeyChanged()
            | Authenticated()
            | Ready()
            | AuthFailure()
            | StateChanged()
            | Disconnected()
            | CredentialsSaved()
        ):
            return _session_frames(event, form)
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
        case HistoryProgress(percent=percent) | BacklogProgress(percent=percent):
            return [Frame.of("loading_screen", {"percent": percent, "message": "WhatsApp"})]
        case ChatArchived() | ChatRemoved() | UnreadChanged():
            return [chat_frame(event, _needed(own), lookups, form)]
        case CallChanged():
            return call_frames(event, form)
        case GroupChanged():
            return group_frames(event, _needed(own), form)
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
            | MediaFetched()
        ):
            return MessageFrames(_needed(own), lookups, form).of(event)
    assert_never(event)


def _session_frames(event: SessionEvent, form: PayloadForm) -> list[Frame]:
    is_older = form is PayloadForm.WWEBJS
    match event:
        case QrReady(text):
            return [Frame.of("qr", {"qr": text})]
        case PairingCodeReady(code):
            return [Frame.of("code", {"code": code})]
        case PasskeyChanged(state):
            shown = {"stage": state.stage.value, "publicKey": dict(state.options)}
            return [Frame.of("passkey", {**shown, "code": state.code or None})]
        case Authenticated():
            return [Frame.bare("authenticated") if is_older else Frame.of("authenticated", {})]
        case Ready(jid, push_name):
            data = {"id": jid_text(jid), "pushname": push_name or None}
            return [Frame.bare("ready") if is_older else Frame.of("ready", data)]
        case AuthFailure(message=text):
            frames = [Frame.of("auth_failure", {"message": text})]
            if form is not PayloadForm.FLAT:
                frames.append(Frame.of("status", {"msg": text}))
            return frames
        case StateChanged(word):
            return [Frame.of("change_state", {"state": word})]
        case Disconnected(reason):
            word = _WWEBJS_REASONS.get(reason, reason) if is_older else reason
            return [Frame.of("disconnected", {"reason": word})]
        case CredentialsSaved():
            return [Frame.of("remote_session_saved", {})]


def _needed(own: Jid | None) -> Jid:
    if own is None:
        raise InvalidInput(
            "an event about a message, chat or group needs the account's own address"
        )
    return own
