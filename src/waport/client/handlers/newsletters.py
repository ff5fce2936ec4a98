"""Notifications about channels: posts and their counters, and what comes by GraphQL.

Source: docs/protocol/newsletters.md, "News" and "Live updates".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ...errors import MexError
from ...model import ChannelChanged, MexNoticed
from ...model.newsletter import ChannelChangeKind, ChannelRole
from ...stanza.groups import person_or_none
from ...stanza.json_values import JsonObject
from ...stanza.mex import MexNotice, parse_mex_notification
from ...stanza.newsletter_posts import parse_post_notification
from ...stanza.newsletters import address_in, read_newsletter, update_newsletter
from ...stanza.receipt import ack
from ...wire import Jid, Node
from ..encryption import learn_mapping
from ..fanout import canonical
from ..newsletters import change_channel, known_channel, mark_gone, mark_unfollowed, take_posts
from ..work import Work

log = logging.getLogger(__name__)

_Kind = ChannelChangeKind

Refetch = Callable[[Jid], Coroutine[Any, Any, None]]
"""Asks for a channel's metadata."""

_Taker = Callable[[Work, Jid, JsonObject], bool]
"""Applies what is told of a channel; False when the channel has to be asked for."""


def handle_post_notification(work: Work, node: Node) -> None:
    """Take in a notification of type `newsletter`, and ack it."""
    notice = parse_post_notification(node)
    take_posts(work, notice.channel, notice.posts)
    if notice.others:
        log.info("news of a channel of kinds that are not known: %s", ", ".join(notice.others))
    work.reply(ack(node))


def mex_handler(refetch: Refetch) -> Callable[[Work, Node], None]:
    """A handler for notifications of type `mex`; it acks them.

    Args:
        refetch: called after the commit for channels that have to be asked for.
    """

    def handle_mex(work: Work, node: Node) -> None:
        try:
            notices = parse_mex_notification(node)
        except MexError as exc:
            # It would come again and again if it were not acked.
            log.warning("a notification is left out: %s", exc)
            notices = ()
        for notice in notices:
            _take(work, notice, refetch)
        work.reply(ack(node))

    return handle_mex


def _take(work: Work, notice: MexNotice, refetch: Refetch) -> None:
    if notice.operation == _LINKED_PROFILES:
        _learn_profiles(work, notice.data)
        return
    if notice.operation == _LID_CHANGE and _move_lid(work, notice.data):
        return
    taker, channel = _TAKERS.get(notice.operation), address_in(notice.data)
    if taker is None or channel is None:
        work.emit(MexNoticed(notice.operation, notice.text))
        return
    if not taker(work, channel, notice.data):
        work.later(partial(refetch, channel))


# --- the account's list --------------------------------------------------------------------------


def _joined(work: Work, channel: Jid, data: JsonObject) -> bool:
    known = known_channel(work.store, channel)
    followed = read_newsletter(data) if known is None else update_newsletter(known, data)
    if not followed.is_followed:
        followed = replace(followed, role=ChannelRole.SUBSCRIBER)
    change_channel(work, followed, _Kind.FOLLOWED)
    return bool(followed.name)


def _left(work: Work, channel: Jid, data: JsonObject) -> bool:
    known = known_channel(work.store, channel)
    was_followed = known is not None and known.is_followed
    left = mark_unfollowed(work.store, channel)
    if left is not None and was_followed:
        work.emit(ChannelChanged(left, _Kind.UNFOLLOWED))
    return True


def _muted(work: Work, channel: Jid, data: JsonObject) -> bool:
    known = known_channel(work.store, channel)
    if known is None:
        return False
    # The viewer's settings stand right in the object, or below the name that answers have.
    viewer = JsonObject({"viewer_metadata": {name: data.value(name) for name in data}})
    muted = update_newsletter(update_newsletter(known, viewer), data)
    muted = replace(muted, role=known.role)
    if muted != known:
        change_channel(work, muted, _Kind.MUTED)
    return True


# --- the channel ---------------------------------------------------------------------------------


def _updated(work: Work, channel: Jid, data: JsonObject) -> bool:
    known = known_channel(work.store, channel)
    if known is None:
        return False
    if "thread_metadata" not in data:
        # The older form names what has changed, and not always to what.
        return False
    change_channel(work, update_newsletter(known, data), _Kind.UPDATED)
    return True


def _state(work: Work, channel: Jid, data: JsonObject) -> bool:
    known = known_channel(work.store, channel)
    if known is None:
        return False
    changed = update_newsletter(known, data)
    if changed == known:
        return True
    if changed.is_gone:
        gone = mark_gone(work.store, channel) or changed
        changed = replace(gone, state=changed.state)
    change_channel(work, changed, _Kind.STATE)
    return True


# --- roles ---------------------------------------------------------------------------------------


def _role(kind: ChannelChangeKind, default: ChannelRole | None) -> _Taker:
    def take(work: Work, channel: Jid, data: JsonObject) -> bool:
        known = known_channel(work.store, channel)
        person = _person(work, data)
        role = data.text("user_new_role").upper()[:64] or default
        if known is None:
            return False
        is_ours = person is not None and work.own.is_own(person)
        if kind is _Kind.OWNER and not is_ours and known.role == ChannelRole.OWNER:
            # Somebody else owns it now; whoever was the owner stays an admin.
            known = replace(known, role=ChannelRole.ADMIN)
        elif is_ours and role is not None:
            known = replace(known, role=role)
        change_channel(work, known, kind, person)
        return True

    return take


def _person(work: Work, data: JsonObject) -> Jid | None:
    """Whom a change of roles concerns, by phone number where that is known."""
    user = data.part("user")
    jid = person_or_none(user.jid("id") or data.jid("user"))
    pn = person_or_none(user.jid("pn"))
    if jid is None:
        return pn
    if pn is not None and pn.is_pn and jid.is_lid:
        learn_mapping(work.store, pn, jid)
    return canonical(work.store, jid)


def _learn_profiles(work: Work, data: JsonObject) -> None:
    """Pairs of a hidden id and a number that the server vouches for."""
    lid = person_or_none(data.jid("jid"))
    for profile in data.parts("added_profiles"):
        pn = person_or_none(profile.jid("pn") or profile.jid("jid"))
        if lid is not None and pn is not None and lid.is_lid and pn.is_pn:
            learn_mapping(work.store, pn, lid)


def _move_lid(work: Work, data: JsonObject) -> bool:
    """A person has another hidden id from now on: their sessions and number go along."""
    old, new = person_or_none(data.jid("old")), person_or_none(data.jid("new"))
    if old is None or new is None or not (old.is_lid and new.is_lid) or work.own.is_own(old):
        return False
    store = work.store
    pn = store.addresses.pn_of(old)
    store.signal.migrate_user(old.signal_name, new.signal_name)
    store.sender_keys.migrate_user(old.signal_name, new.signal_name)
    if pn is not None:
        learn_mapping(store, pn, new)
        store.addresses.forget_devices(pn)
    store.addresses.forget_devices(old)
    return True


_LID_CHANGE: Final = "LidChangeNotification"
_LINKED_PROFILES: Final = "NotificationLinkedProfilesUpdates"

_TAKERS: Final[Mapping[str, _Taker]] = {
    "NotificationNewsletterJoin": _joined,
    "NotificationNewsletterLeave": _left,
    "NotificationNewsletterUserSettingChange": _muted,
    "NotificationNewsletterUpdate": _updated,
    "NotificationNewsletterAdminMetadataUpdate": _updated,
    "NotificationNewsletterStateChange": _state,
    "NotificationNewsletterAdminPromote": _role(_Kind.PROMOTED, ChannelRole.ADMIN),
    "NotificationNewsletterAdminDemote": _role(_Kind.DEMOTED, ChannelRole.SUBSCRIBER),
    "NotificationNewsletterOwnerUpdate": _role(_Kind.OWNER, ChannelRole.OWNER),
    "NotificationNewsletterAdminInviteRevoke": _role(_Kind.INVITE_REVOKED, None),
}
