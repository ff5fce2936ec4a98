"""What is said about another message: by Baileys to us, and by us to Baileys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from interop.kinds.compare import assert_has, innermost, media_part
from interop.kinds.files import THUMBNAIL, as_bytes, sha256
from interop.kinds.talks import Talk, fresh
from waport.client.compose import SendOptions
from waport.client.media_contents import MediaOptions
from waport.errors import InvalidInput, NotAuthorized
from waport.model import (
    AddOnKind,
    GroupChanged,
    Message,
    MessageEdited,
    MessageKind,
    MessagePinned,
    MessageRevoked,
    ReactionChanged,
)
from waport.model.contents import Album, Association, AssociationKind, TargetKey
from waport.model.group import GroupChangeKind
from waport.proto import pb
from waport.stanza.contents import read_message

pytestmark = [
    pytest.mark.interop,
    pytest.mark.xdist_group("kinds-replies"),
    pytest.mark.asyncio(loop_scope="module"),
]

DAY_S, WEEK_S = 86_400, 604_800
REVOKED_STUB = 1  # Baileys' mark of a message that was taken back


def context_of(message: pb.Message) -> pb.ContextInfo:
    """The context info of a text."""
    return innermost(message).extendedTextMessage.contextInfo


# --- quotes --------------------------------------------------------------------------------------


async def test_we_read_a_quote(talk: Talk) -> None:
    before = await talk.we_write()
    quoted = {"quoted": {"$message": before.key.id}}
    sent = await talk.alice_sends({"text": fresh("answer")}, options=quoted)
    message = await talk.world.us.wait_id(sent.id)
    context: Any = read_message(message.proto()).content
    quote = context.context.quote
    assert quote.id == before.key.id
    assert talk.is_ours(str(quote.author))
    assert pb.Message.FromString(quote.content).extendedTextMessage.text == before.text


async def test_baileys_reads_our_quote(talk: Talk) -> None:
    before = await talk.alice_writes()
    answer = await talk.world.us.client.messages.send_text(
        talk.ours, fresh("answer"), quoted_id=before.key.id
    )
    for reader in talk.readers:
        received = await reader.client.wait_message(answer.key.id)
        context = context_of(received.message)
        assert context.stanzaId == before.key.id
        assert talk.is_alice(context.participant)
        assert context.quotedMessage.extendedTextMessage.text == before.text


# --- reactions -----------------------------------------------------------------------------------


async def test_we_read_a_reaction_its_change_and_its_end(talk: Talk) -> None:
    us = talk.world.us
    for target in (await talk.we_write(), await talk.alice_writes()):
        for emoji, standing in (("👍", ["👍"]), ("👩‍👩‍👧", ["👩‍👩‍👧"]), ("", [])):
            key = {"$key": target.key.id}
            await talk.alice_sends({"react": {"text": emoji, "key": key}})
            changed = await us.events.until(
                ReactionChanged,
                lambda event, text=emoji, of=target.key.id: (
                    event.target.id == of and event.text == text
                ),
            )
            assert changed.target == target.key
            assert (changed.key.sender, changed.is_orphan) == (talk.world.alice.jid, False)
            found = await us.client.messages.reactions(talk.ours, target.key.id)
            assert [reaction.data.decode() for reaction in found] == standing


async def test_baileys_reads_our_reaction_its_change_and_its_end(talk: Talk) -> None:
    messages = talk.world.us.client.messages
    for target in (await talk.we_write(), await talk.alice_writes()):
        for emoji in ("❤️", "😂", ""):
            await messages.react(talk.ours, target.key.id, emoji)
            for reader in talk.readers:
                item = await reader.client.wait_reaction(target.key.id, emoji)
                # In the view of whoever reads: is it their own message?
                is_own = reader is talk.world.alice and not target.key.from_me
                assert bool(item["key"].get("fromMe")) == is_own
                assert not item["reaction"]["key"].get("fromMe")
        assert await messages.reactions(talk.ours, target.key.id) == []


# --- edits and revokes ---------------------------------------------------------------------------


async def test_we_read_an_edit(talk: Talk) -> None:
    us = talk.world.us
    before = await talk.alice_writes()
    after = fresh("corrected")
    await talk.alice_sends({"text": after, "edit": {"$key": before.key.id}})
    edited = await us.events.until(
        MessageEdited, lambda event: event.message.key.id == before.key.id
    )
    assert (edited.previous.text, edited.message.text) == (before.text, after)
    assert (await talk.stored(before)).text == after
    assert edited.message.edited_ms > 0


def edited_content(update: Mapping[str, Any]) -> Mapping[str, Any]:
    """The new content in an update of Baileys'; empty when it brings none."""
    message: Mapping[str, Any] = update.get("message") or {}
    inner: Mapping[str, Any] = (message.get("editedMessage") or {}).get("message") or {}
    return inner


async def test_baileys_reads_our_edit(talk: Talk) -> None:
    before = await talk.we_write()
    after = fresh("corrected")
    await talk.world.us.client.messages.edit(talk.ours, before.key.id, after)
    for reader in talk.readers:
        update = await reader.client.wait_update(before.key.id, lambda u: bool(edited_content(u)))
        assert edited_content(update)["extendedTextMessage"]["text"] == after
    assert (await talk.stored(before)).text == after


async def test_baileys_reads_our_edit_of_a_caption(talk: Talk) -> None:
    us, files = talk.world.us, talk.world.files
    made = await us.client.media.content(files.jpeg, MediaOptions(caption="befor"))
    before = await us.client.messages.send(talk.ours, made.content)
    await talk.world.alice.client.wait_message(before.key.id)
    await us.client.messages.edit(talk.ours, before.key.id, "before")
    for reader in talk.readers:
        update = await reader.client.wait_update(before.key.id, lambda u: bool(edited_content(u)))
        assert edited_content(update)["imageMessage"]["caption"] == "before"


async def test_we_read_a_revoke(talk: Talk) -> None:
    us = talk.world.us
    before = await talk.alice_writes()
    await talk.alice_sends({"delete": {"$key": before.key.id}})
    revoked = await us.events.until(
        MessageRevoked, lambda event: event.message.key.id == before.key.id
    )
    assert revoked.original is not None
    assert (revoked.original.text, revoked.by) == (before.text, talk.world.alice.jid)
    assert (await talk.stored(before)).kind is MessageKind.REVOKED


async def test_baileys_reads_our_revoke(talk: Talk) -> None:
    before = await talk.we_write()
    await talk.world.us.client.messages.revoke(talk.ours, before.key.id)
    for reader in talk.readers:
        await reader.client.wait_update(
            before.key.id, lambda update: update.get("messageStubType") == REVOKED_STUB
        )
    assert (await talk.stored(before)).kind is MessageKind.REVOKED


async def test_nobody_edits_or_takes_back_what_others_wrote(talk: Talk) -> None:
    us = talk.world.us
    ours, theirs = await talk.we_write(), await talk.alice_writes()
    if not talk.in_group:  # there Alice may take back everything
        await talk.alice_sends({"delete": {"$key": ours.key.id}})
    await talk.alice_sends({"text": "not yours", "edit": {"$key": ours.key.id}})
    await talk.all_read()
    assert (await talk.stored(ours)).text == ours.text
    with pytest.raises(InvalidInput):
        await us.client.messages.edit(talk.ours, theirs.key.id, "not ours")
    with pytest.raises(NotAuthorized):
        await us.client.messages.revoke(talk.ours, theirs.key.id)


@pytest.mark.parametrize("talk", ["group"], indirect=True)
async def test_an_admin_takes_back_what_others_wrote(talk: Talk) -> None:
    us, alice, bob = talk.world.us, talk.world.alice, talk.world.bob
    group = str(talk.world.group)
    by_bob = await us.wait_id(await bob.client.send_text(group, fresh("bob")))
    ours = await talk.we_write()
    await alice.client.wait_message(by_bob.key.id)
    for target in (by_bob, ours):
        await talk.alice_sends({"delete": {"$key": target.key.id}})
        revoked = await us.events.until(
            MessageRevoked, lambda event, of=target.key.id: event.message.key.id == of
        )
        assert (revoked.original, revoked.by) == (target_as_stored(revoked, target), alice.jid)

    promoted = us.events.mark
    await alice.client.call("groupParticipantsUpdate", group, [str(us.lid)], "promote")
    await us.events.until(
        GroupChanged, lambda e: e.change.kind is GroupChangeKind.PROMOTE, since=promoted
    )
    by_bob = await us.wait_id(await bob.client.send_text(group, fresh("bob")))
    await alice.client.wait_message(by_bob.key.id)
    await us.client.messages.revoke(talk.ours, by_bob.key.id)
    for reader in talk.readers:
        await reader.client.wait_update(
            by_bob.key.id, lambda update: update.get("messageStubType") == REVOKED_STUB
        )
    assert (await talk.stored(by_bob)).kind is MessageKind.REVOKED
    await alice.client.call("groupParticipantsUpdate", group, [str(us.lid)], "demote")


def target_as_stored(revoked: MessageRevoked, target: Message) -> Message | None:
    """What was taken back, if it is what was written."""
    original = revoked.original
    same = original is not None and (original.key, original.content) == (target.key, target.content)
    return original if same else None


# --- forwarding ----------------------------------------------------------------------------------


async def test_we_read_what_was_forwarded(talk: Talk) -> None:
    us = talk.world.us
    before = await talk.we_write()
    sent = await talk.alice_sends({"forward": {"$message": before.key.id}, "force": True})
    once = await us.wait_id(sent.id)
    sent = await talk.alice_sends({"forward": {"$message": once.key.id}, "force": True})
    twice = await us.wait_id(sent.id)
    for score, message in enumerate((once, twice), start=1):
        context = context_of(message.proto())
        assert message.text == before.text
        assert (context.isForwarded, context.forwardingScore) == (True, score)


async def test_baileys_reads_what_we_forward(talk: Talk) -> None:
    us, files = talk.world.us, talk.world.files
    sent = await talk.alice_sends(
        {
            "image": {"url": str(files.jpeg)},
            "caption": fresh("to be forwarded"),
            "jpegThumbnail": as_bytes(THUMBNAIL),
        }
    )
    once = await us.wait_id(sent.id)
    message = await us.client.messages.forward(talk.ours, once.key.id, talk.ours)
    again = await us.client.messages.forward(talk.ours, message.key.id, talk.ours)
    for score, forwarded in enumerate((message, again), start=1):
        for reader in talk.readers:
            received = await reader.client.wait_message(forwarded.key.id)
            image = innermost(received.message).imageMessage
            context = image.contextInfo
            assert (context.isForwarded, context.forwardingScore) == (True, score)
            assert image.caption == innermost(sent.message).imageMessage.caption
            assert (await reader.client.download(received))[0] == sha256(files.jpeg)
            secret = received.message.messageContextInfo.messageSecret
            assert secret not in (b"", sent.message.messageContextInfo.messageSecret)


# --- pins and keeps ------------------------------------------------------------------------------


async def test_we_read_a_pin_and_its_end(talk: Talk) -> None:
    us, alice = talk.world.us, talk.world.alice
    for target in (await talk.we_write(), await talk.alice_writes()):
        for type_, time, seconds in ((1, WEEK_S, WEEK_S), (2, None, 0)):
            since = us.events.mark
            key = {"$key": target.key.id}
            await talk.alice_sends({"pin": key, "type": type_, "time": time})
            pinned = await us.events.until(MessagePinned, since=since)
            assert (pinned.target, pinned.by) == (target.key, alice.jid)
            assert (pinned.is_pinned, pinned.duration_s) == (type_ == 1, seconds)


async def test_baileys_reads_our_pin_and_its_end(talk: Talk) -> None:
    messages = talk.world.us.client.messages
    for target in (await talk.we_write(), await talk.alice_writes()):
        for pin in (
            await messages.pin(talk.ours, target.key.id, DAY_S),
            await messages.unpin(talk.ours, target.key.id),
        ):
            for reader in talk.readers:
                received = await reader.client.wait_message(pin.key.id)
                content = innermost(received.message).pinInChatMessage
                info = received.message.messageContextInfo
                assert (content.key.id, content.key.fromMe) == (
                    target.key.id,
                    target.key.from_me,
                )
                is_pin = content.type == pb.PinInChatMessage.PIN_FOR_ALL
                assert info.messageAddOnDurationInSecs == (DAY_S if is_pin else 0)


async def test_we_read_that_a_message_is_kept(talk: Talk) -> None:
    us, target = talk.world.us, await talk.we_write()
    alice = talk.world.alice.client
    key = (await alice.wait_message(target.key.id)).key
    message_key = pb.MessageKey(
        remoteJid=key["remoteJid"], id=target.key.id, participant=key.get("participant") or ""
    )
    for type_, is_kept in ((pb.KEEP_FOR_ALL, True), (pb.UNDO_KEEP_FOR_ALL, False)):
        content = pb.KeepInChatMessage(key=message_key, keepType=type_, timestampMs=1)
        await alice.relay(str(talk.theirs), pb.Message(keepInChatMessage=content))
        await talk.all_read()
        kept = await us.read(lambda store: store.add_ons.of(target.key, AddOnKind.KEEP))
        assert [bool(add_on.data) for add_on in kept] == [is_kept]
        assert [add_on.sender for add_on in kept] == [talk.world.alice.jid]


async def test_baileys_reads_that_we_keep_a_message(talk: Talk) -> None:
    messages = talk.world.us.client.messages
    target = await talk.alice_writes()
    for kept, expected in ((True, pb.KEEP_FOR_ALL), (False, pb.UNDO_KEEP_FOR_ALL)):
        keep = await messages.keep(talk.ours, target.key.id, kept)
        for reader in talk.readers:
            received = await reader.client.wait_message(keep.key.id)
            content = innermost(received.message).keepInChatMessage
            assert (content.key.id, content.keepType) == (target.key.id, expected)


# --- albums --------------------------------------------------------------------------------------


async def test_we_read_an_album(talk: Talk, tmp_path: Path) -> None:
    us, files = talk.world.us, talk.world.files
    head = await talk.alice_sends({"album": {"expectedImageCount": 2, "expectedVideoCount": 0}})
    for number in range(2):
        sent = await talk.alice_sends(
            {
                "image": {"url": str(files.jpeg)},
                "caption": f"picture {number}",
                "jpegThumbnail": as_bytes(THUMBNAIL),
                "albumParentKey": {"$key": head.id},
            }
        )
        message = await us.wait_id(sent.id)
        association = read_message(message.proto()).info.association
        assert association is not None
        assert association.kind is AssociationKind.MEDIA_ALBUM
        assert association.parent is not None
        assert association.parent.id == head.id
        await us.client.media.download(message, tmp_path / f"{number}")
        assert sha256(tmp_path / f"{number}") == sha256(files.jpeg)
    kept = (await us.wait_id(head.id)).proto()
    assert_has(kept, pb.Message(albumMessage=pb.AlbumMessage(expectedImageCount=2)))


async def test_baileys_reads_our_album(talk: Talk) -> None:
    us, files = talk.world.us, talk.world.files
    head = await us.client.messages.send(talk.ours, Album(1, 1))
    parent = TargetKey(head.key.id, talk.ours, from_me=True)
    for number, path in enumerate((files.jpeg, files.mp4)):
        made = await us.client.media.content(path)
        association = Association(AssociationKind.MEDIA_ALBUM, parent, number)
        options = SendOptions(association=association)
        message = await us.client.messages.send(talk.ours, made.content, options)
        for reader in talk.readers:
            received = await reader.client.wait_message(message.key.id)
            found = received.message.messageContextInfo.messageAssociation
            assert found.associationType == pb.MessageAssociation.MEDIA_ALBUM
            assert found.parentMessageKey.id == head.key.id
            digest, _ = await reader.client.download(received)
            assert digest == media_part(received.message).fileSha256.hex() == sha256(path)
