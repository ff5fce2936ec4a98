from __future__ import annotations

import json
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account
from support.handlers import handle_message
from waport.client.handlers.newsletters import handle_post_notification, mex_handler
from waport.client.newsletters import take_posts
from waport.client.work import Work
from waport.model import (
    ChannelChanged,
    MessageEdited,
    MessageKind,
    MessageRevoked,
    MexNoticed,
    PostCounted,
)
from waport.model.newsletter import (
    ChannelChangeKind,
    ChannelRole,
    ChannelState,
    Newsletter,
    Post,
    PostCounts,
)
from waport.proto import pb
from waport.wire import SERVER, Jid, Node

CHANNEL = Jid("120363000000000002", "newsletter")
NEWS = Newsletter(CHANNEL, name="News", role=ChannelRole.SUBSCRIBER, subscribers=7)
Kind = ChannelChangeKind


async def refetch(channel: Jid) -> None:
    raise AssertionError("only asked for, never run here")


handle_mex = mex_handler(refetch)


def update(operation: str, data: object, *, legacy: bool = False) -> Node:
    child = Node("update", {"op_name": operation}, json.dumps({"data": {"root": data}}).encode())
    if legacy:
        body = {"operation": operation, "updates": [data]}
        child = Node("mex", {}, json.dumps(body).encode())
    return Node("notification", {"from": SERVER, "type": "mex", "id": "N1"}, [child])


def counters(*messages: Node) -> Node:
    listing = Node("messages", {"jid": CHANNEL, "t": str(NOW)}, list(messages))
    live = Node("live_updates", {}, [listing])
    attrs: dict[str, Any] = {"from": CHANNEL, "type": "newsletter", "id": "N1"}
    return Node("notification", attrs, [live])


def is_acked(work: Work) -> bool:
    (reply,) = work.replies
    return (reply.tag, reply.get("class"), reply.get("id")) == ("ack", "notification", "N1")


async def know(account: Account, newsletter: Newsletter = NEWS) -> None:
    await account.write(lambda store: store.newsletters.put(newsletter))


async def stored(account: Account) -> Newsletter | None:
    found: Newsletter | None = await account.read(lambda store: store.newsletters.get(CHANNEL))
    return found


# --- by GraphQL ----------------------------------------------------------------------------------


async def test_following_on_another_device_is_kept_and_told(account: Account) -> None:
    data = {
        "id": str(CHANNEL),
        "thread_metadata": {"name": {"text": "News"}},
        "viewer_metadata": {"role": "SUBSCRIBER"},
    }
    work = await account.handle(handle_mex, update("NotificationNewsletterJoin", data))
    assert is_acked(work)
    assert work.follow_ups == []
    (event,) = account.sink.recorded
    assert isinstance(event, ChannelChanged)
    assert (event.kind, event.channel.name) == (Kind.FOLLOWED, "News")
    assert await account.read(lambda store: store.chats.get(CHANNEL)) is not None

    await account.handle(handle_mex, update("NotificationNewsletterLeave", {"id": str(CHANNEL)}))
    known = await stored(account)
    assert known is not None
    assert (known.role, known.name) == (ChannelRole.GUEST, "News")
    last = account.sink.recorded[-1]
    assert isinstance(last, ChannelChanged)
    assert last.kind is Kind.UNFOLLOWED


@pytest.mark.parametrize(
    "data",
    [
        {"id": str(CHANNEL), "mute": "ON"},
        {"id": str(CHANNEL), "settings": [{"type": "MUTE_ADMIN_ACTIVITY", "value": "ON"}]},
        {"id": str(CHANNEL), "viewer_metadata": {"mute": "ON", "role": "GUEST"}},
    ],
)
async def test_muting_is_understood_in_every_form(account: Account, data: Any) -> None:
    await know(account)
    operation = "NotificationNewsletterUserSettingChange"
    await account.handle(handle_mex, update(operation, data))
    known = await stored(account)
    assert known is not None
    assert (known.is_muted, known.role) == (True, ChannelRole.SUBSCRIBER)
    # And once only.
    await account.handle(handle_mex, update(operation, data))
    assert len(account.sink.recorded) == 1


async def test_a_change_keeps_what_it_does_not_speak_of(account: Account) -> None:
    await know(account)
    data = {"id": str(CHANNEL), "thread_metadata": {"description": {"text": "new"}}}
    await account.handle(handle_mex, update("NotificationNewsletterUpdate", data))
    known = await stored(account)
    assert known is not None
    assert (known.name, known.description, known.role) == ("News", "new", ChannelRole.SUBSCRIBER)


@pytest.mark.parametrize("is_known", [True, False])
async def test_what_cannot_be_applied_is_asked_for(account: Account, is_known: bool) -> None:
    if is_known:
        await know(account)
    data = {"jid": str(CHANNEL), "settings": {"name": "x"}}
    node = update("NotificationNewsletterUpdate", data, legacy=True)
    work = await account.handle(handle_mex, node)
    assert is_acked(work)
    assert len(work.follow_ups) == 1
    assert account.sink.recorded == []


@pytest.mark.parametrize("state", ["SUSPENDED", "DELETED", "NEWER"])
async def test_the_state_of_a_channel_is_kept(account: Account, state: str) -> None:
    await know(account)
    data = {"id": str(CHANNEL), "state": {"type": state}}
    await account.handle(handle_mex, update("NotificationNewsletterStateChange", data))
    known = await stored(account)
    assert known is not None
    assert (known.state, known.is_gone) == (state, state == ChannelState.DELETED)
    (event,) = account.sink.recorded
    assert isinstance(event, ChannelChanged)
    assert event.channel == known


@pytest.mark.parametrize(
    ("operation", "user", "before", "after", "kind"),
    [
        ("AdminPromote", OWN_LID.bare, "SUBSCRIBER", "ADMIN", Kind.PROMOTED),
        ("AdminDemote", OWN_PN.bare, "ADMIN", "SUBSCRIBER", Kind.DEMOTED),
        ("AdminPromote", PEER_LID, "OWNER", "OWNER", Kind.PROMOTED),
        ("OwnerUpdate", PEER_LID, "OWNER", "ADMIN", Kind.OWNER),
        ("OwnerUpdate", OWN_LID.bare, "ADMIN", "OWNER", Kind.OWNER),
        ("AdminInviteRevoke", OWN_LID.bare, "SUBSCRIBER", "SUBSCRIBER", Kind.INVITE_REVOKED),
    ],
)
async def test_roles_are_followed(
    account: Account, operation: str, user: Jid, before: str, after: str, kind: Kind
) -> None:
    await know(account, Newsletter(CHANNEL, role=before))
    data = {"id": str(CHANNEL), "user": {"id": str(user)}}
    await account.handle(handle_mex, update(f"NotificationNewsletter{operation}", data))
    known = await stored(account)
    assert known is not None
    assert known.role == after
    (event,) = account.sink.recorded
    assert isinstance(event, ChannelChanged)
    person = PEER_PN if user == PEER_LID else OWN_PN.bare
    assert (event.kind, event.person) == (kind, person if user != OWN_LID.bare else event.person)


@pytest.mark.parametrize("operation", ["NotificationNewsletterMilestone", "Whatever", ""])
async def test_what_is_not_known_is_told_as_it_came(account: Account, operation: str) -> None:
    work = await account.handle(handle_mex, update(operation, {"id": str(CHANNEL), "x": 1}))
    assert is_acked(work)
    (event,) = account.sink.recorded
    assert isinstance(event, MexNoticed)
    assert event.operation == operation
    assert '"x"' in event.text


async def test_a_known_kind_about_no_channel_is_told_as_it_came(account: Account) -> None:
    node = update("NotificationNewsletterJoin", {"id": "15551234567@s.whatsapp.net"})
    assert is_acked(await account.handle(handle_mex, node))
    assert isinstance(account.sink.recorded[0], MexNoticed)


@pytest.mark.parametrize("raw", [b"{", b"[" * 100_000, b"[]", b"\xff"])
async def test_json_that_cannot_be_read_is_acked_and_left_out(account: Account, raw: bytes) -> None:
    node = update("NotificationNewsletterJoin", {})
    node.child("update").content = raw
    assert is_acked(await account.handle(handle_mex, node))
    assert account.sink.recorded == []


async def test_a_pair_of_addresses_is_learned_only_where_both_are_such(account: Account) -> None:
    lid, pn = Jid("777", "lid"), Jid("15557777777", "s.whatsapp.net")
    profiles = [{"pn": "x"}, {"pn": "120363@g.us"}, {"jid": str(pn)}]
    data = {"jid": str(lid), "added_profiles": profiles}
    await account.handle(handle_mex, update("NotificationLinkedProfilesUpdates", data))
    assert await account.read(lambda store: store.addresses.pn_of(lid)) == pn


async def test_a_new_hidden_id_takes_sessions_and_number_along(account: Account) -> None:
    new = Jid("100000000000099", "lid")
    await account.write(lambda store: store.signal.put_session(PEER_LID.signal_address, b"record"))
    data = {"old": str(PEER_LID), "new": str(new)}
    assert is_acked(await account.handle(handle_mex, update("LidChangeNotification", data)))
    assert await account.read(lambda store: store.addresses.lid_of(PEER_PN)) == new
    sessions = await account.read(lambda store: store.signal.session(new.signal_address))
    assert sessions == b"record"
    assert account.sink.recorded == []


@pytest.mark.parametrize(
    "data",
    [
        {"old": str(PEER_LID)},
        {"old": str(PEER_LID), "new": str(PEER_PN)},
        {"old": str(OWN_LID.bare), "new": "100000000000099@lid"},
    ],
)
async def test_a_hidden_id_that_changes_to_nothing_is_told_as_it_came(
    account: Account, data: Any
) -> None:
    await account.handle(handle_mex, update("LidChangeNotification", data))
    assert isinstance(account.sink.recorded[0], MexNoticed)
    assert await account.read(lambda store: store.addresses.lid_of(PEER_PN)) == PEER_LID


# --- counters ------------------------------------------------------------------------------------


def news(message_id: str = "P1", number: str = "101") -> Node:
    body = pb.Message(conversation="news").SerializeToString()
    attrs: dict[str, Any] = {"from": CHANNEL, "id": message_id, "server_id": number}
    attrs |= {"t": str(NOW), "type": "text"}
    return Node("message", attrs, [Node("plaintext", {}, body)])


async def test_live_counters_are_kept_with_the_post_and_told_once(account: Account) -> None:
    await account.handle(handle_message, news())
    node = counters(
        Node(
            "message",
            {"server_id": "101"},
            [
                Node("reactions", {}, [Node("reaction", {"code": "👍", "count": "2"})]),
                Node("views_count", {"count": "5"}),
            ],
        ),
        Node("message", {"server_id": "none"}),
    )
    for _ in range(2):
        assert is_acked(await account.handle(handle_post_notification, node))
    (event,) = [e for e in account.sink.recorded if isinstance(e, PostCounted)]
    assert (event.post.message_id, event.post.server_id) == ("P1", 101)
    assert event.post.counts == PostCounts({"👍": 2}, views=5)


async def test_changes_of_a_post_that_were_missed_are_made_up_for(account: Account) -> None:
    await account.handle(handle_message, news("P1", "101"))
    await account.handle(handle_message, news("P2", "102"))
    new = pb.Message(conversation="newer").SerializeToString()
    posts = [
        Post(101, "P1", NOW, new, edited_ms=NOW * 1000 + 5),
        Post(102, "P2", NOW, is_revoked=True),
        Post(103, "P3", NOW, is_revoked=True),
        Post(104, "P4", NOW, b"\xff\xff"),
    ]
    work = await account.handle(lambda work, _: take(work, posts), Node("x"))
    del work
    first, second, third, fourth = [
        await account.read(lambda store, name=name: store.messages.get(CHANNEL, name))
        for name in ("P1", "P2", "P3", "P4")
    ]
    assert first.text == "newer"
    assert (second.kind, third.kind, fourth) == (MessageKind.REVOKED, MessageKind.REVOKED, None)
    kinds = [type(event) for event in account.sink.recorded[2:]]
    assert kinds == [MessageEdited, MessageRevoked]


def take(work: Work, posts: list[Post]) -> None:
    take_posts(work, CHANNEL, posts)
