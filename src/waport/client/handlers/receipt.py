"""Receipts and acks of our own messages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ...model import Ack, AckChanged, AddOn, AddOnKind, Message, MessageKind
from ...stanza.message import MessageAck
from ...stanza.peer import is_peer_message
from ...stanza.receipt import Receipt, ack, parse_receipt
from ...store import QueuedSend
from ...wire import Jid, Node, decode_stanza
from .. import addons
from .. import outgoing_posts as posts
from ..fanout import canonical, chat_of, device_hashes
from ..group_encryption import mark_told
from ..receipt_times import raised
from ..refusals import Action, action_for
from ..retries import Retries
from ..sending import Sender
from ..tokens import Tokens, to_be_given
from ..told import Told
from ..unread import recount
from ..work import Work

log = logging.getLogger(__name__)

MAX_TROUBLE = 5
"""How often a message goes out again while the server has trouble."""

TROUBLE_PAUSE_S = 5.0
"""Before the first of those tries; it doubles with each."""


def receipt_handler(retries: Retries) -> Callable[[Work, Node], None]:
    """A handler for `<receipt>` that hands requests for a resend to `retries`."""

    def handle_receipt(work: Work, node: Node) -> None:
        receipt = parse_receipt(node)
        if receipt.retry is not None:
            # Acked once it is answered: if the connection ends before, the server asks again.
            work.later(partial(retries.answer, receipt, ack(node)))
            return
        if receipt.readers:
            _read_by_many(work, receipt)
        else:
            _apply(work, receipt)
        work.reply(ack(node))

    return handle_receipt


def _apply(work: Work, receipt: Receipt) -> None:
    level = receipt.level
    if level is None:
        return
    is_own = work.own.is_own(receipt.source)
    if is_own and (receipt.recipient is None or level < Ack.READ):
        return
    chat = canonical(work.store, receipt.recipient or receipt.source)
    if is_own:
        _read_here(work, chat, receipt.timestamp)
    for message_id in receipt.ids:
        if receipt.participant is not None:
            _read_by(work, chat, message_id, receipt.participant, level, receipt.timestamp)
            continue
        message = work.store.messages.get(chat, message_id)
        # Others read what we wrote; our own devices read what others wrote.
        if message is None or message.key.from_me is is_own:
            continue
        if message.key.from_me and message.kind is not MessageKind.ADD_ON:
            _keep(work, message, chat, level, receipt.timestamp)
        _raise(work, message, level, None)


def _read_here(work: Work, chat: Jid, time: int) -> None:
    """The account has read a chat, on another of its devices."""
    recount(work.store, work.emit, chat, partial(work.store.chats.mark_read, chat))
    # History that comes later must not bring back what was unread before.
    work.store.history.note_read(chat, min(time, work.now) if time > 0 else work.now)


def _raise(work: Work, message: Message, level: Ack, participant: Jid | None) -> None:
    changed = work.store.messages.set_ack(message.key.chat, message.key.id, level)
    if changed is not None:
        work.emit(AckChanged(changed, level, participant))


def _keep(work: Work, message: Message, reader: Jid, level: Ack, time: int) -> bool:
    """Remember how far a message came with one person; False when that was known.

    Args:
        time: by the receipt, Unix seconds; 0 when it does not say.
    """
    known = work.store.add_ons.get(message.key, AddOnKind.RECEIPT, reader)
    # What claims to come from the future came now.
    data = raised(known, level, min(time, work.now) if time > 0 else work.now)
    if data is None:
        return False
    return work.store.add_ons.put(
        AddOn(
            target=message.key,
            kind=AddOnKind.RECEIPT,
            sender=reader,
            key=message.key,
            data=data,
            timestamp_ms=work.now * 1000,
        )
    )


def _read_by_many(work: Work, receipt: Receipt) -> None:
    """One receipt of several readers: what they all reached is looked at once for each message."""
    latest: dict[str, tuple[Message, Jid]] = {}
    for reader in receipt.readers:
        time = reader.timestamp or receipt.timestamp
        chat, message_id = receipt.source, reader.message_id
        read = _read(work, chat, message_id, reader.jid, reader.level, time)
        if read is not None:
            latest[message_id] = read
    for message, member in latest.values():
        _raise_for_all(work, message, member)


def _read_by(work: Work, chat: Jid, message_id: str, reader: Jid, level: Ack, time: int) -> None:
    """A member got or read a message of the group; its ack is the lowest of all members."""
    read = _read(work, chat, message_id, reader, level, time)
    if read is not None:
        _raise_for_all(work, *read)


def _read(
    work: Work, chat: Jid, message_id: str, reader: Jid, level: Ack, time: int
) -> tuple[Message, Jid] | None:
    """Keep how far a message of ours came with a member; both, None if that is no news."""
    store = work.store
    if work.own.is_own(reader):
        if level >= Ack.READ:
            _read_here(work, chat, time)
        return None
    message = store.messages.get(chat, message_id)
    if message is None or not message.key.from_me:
        return None
    member = canonical(store, reader)
    return (message, member) if _keep(work, message, member, level, time) else None


def _raise_for_all(work: Work, message: Message, member: Jid) -> None:
    reached = _reached_by_all(work, message)
    if reached > message.ack:
        _raise(work, message, reached, member)


def _reached_by_all(work: Work, message: Message) -> Ack:
    """The level that a group message has with every member, if it is higher than its ack."""
    add_ons = work.store.add_ons
    group = work.store.groups.get(message.key.chat)
    members = () if group is None else group.members
    needed = len(members) - 1 if members else add_ons.count(message.key, AddOnKind.RECEIPT)
    # Who is how far is only looked at where that may matter: large groups send very many receipts.
    higher = bytes([max(message.ack, Ack.SERVER) + 1])
    if add_ons.count(message.key, AddOnKind.RECEIPT, higher) < needed:
        return Ack.SERVER
    levels = {
        receipt.sender: Ack(receipt.data[0])
        for receipt in add_ons.of(message.key, AddOnKind.RECEIPT)
        if receipt.data
    }
    others = {canonical(work.store, m.jid) for m in members if not work.own.is_own(m.jid)}
    return min((levels.get(reader, Ack.SERVER) for reader in others or levels), default=Ack.SERVER)


def ack_handler(sender: Sender, told: Told, tokens: Tokens) -> Callable[[Work, MessageAck], None]:
    """Takes the server's answers to our messages.

    Args:
        sender: sends what is to go out once more.
        told: who is told our sender keys by messages on their way.
        tokens: gives our token where the server misses it.
    """

    def apply_message_ack(work: Work, answer: MessageAck) -> None:
        """The server has a message of ours, or refuses it; it leaves the send queue."""
        queued = work.store.send_queue.get(answer.id)
        devices = told.take(answer.id)
        if queued is None:
            return
        chat = chat_of(work.store, queued)
        if answer.error and _goes_out_again(work, answer, chat, queued, sender):
            return
        work.store.send_queue.done(answer.id)
        if chat == work.own.pn.bare and is_peer_message(decode_stanza(queued.stanza)):
            if answer.error:
                log.warning("the server refused a request to the phone: code %d", answer.error)
            return
        is_post = chat.is_newsletter
        if is_post and not answer.error:
            posts.take_effect(work, queued, answer)
        level = Ack.SERVER
        if answer.error:
            level = Ack.ERROR
            log.warning("the server refused a message: code %d", answer.error)
            work.later(partial(sender.refused, answer))
            if action_for(answer.error, is_group=chat.is_group) is Action.GIVE_TOKEN:
                work.later(partial(tokens.give, chat))
        else:
            if devices is not None:
                mark_told(work.store, devices, work.own)
            if to_be_given(work.store, work.own, chat, work.now):
                work.later(partial(tokens.give, chat))
        work.store.messages.set_pending(chat, answer.id, False)
        if is_post and posts.is_change(queued):
            return  # what is refused is the change, not the post
        changed = work.store.messages.set_ack(chat, answer.id, level, answer.error)
        if changed is not None:
            work.emit(AckChanged(changed, level))
        if not answer.error:
            # A receipt that was faster has raised its ack already.
            sent = changed or work.store.messages.get(chat, answer.id)
            if sent is not None and sent.kind is MessageKind.ADD_ON:
                addons.apply_stored(work, sent)
        if answer.phash is not None and answer.phash != _own_hash(queued):
            _other_devices(work, chat, answer.phash)
        if answer.error and chat.is_group:
            _forget_group(work, chat)

    return apply_message_ack


def _own_hash(queued: QueuedSend) -> str | None:
    """The hash that a queued stanza carries; None when it has none."""
    return decode_stanza(queued.stanza).get("phash")


def _goes_out_again(
    work: Work, answer: MessageAck, chat: Jid, queued: QueuedSend, sender: Sender
) -> bool:
    """Whether a refusal is not the end: then nothing of it is told, and the message waits."""
    action = action_for(answer.error, is_group=chat.is_group)
    if action is Action.SEND_ONCE_MORE:
        if queued.attempts:
            return False
        _forget_group(work, chat)
        # It stays in the queue until it is made anew, so that a crash does not lose it.
        work.later(partial(sender.again, chat, answer.id))
        return True
    if action is not Action.SEND_LATER:
        return False
    count = work.store.messages.bump_retry(chat, answer.id, f"ack {answer.error}")
    if count > MAX_TROUBLE:
        return False
    work.later(partial(sender.later, answer.id, TROUBLE_PAUSE_S * 2 ** (count - 1)))
    return True


def _other_devices(work: Work, chat: Jid, phash: str) -> None:
    """The server knows other devices than we do: the next send asks anew."""
    addresses = work.store.addresses
    if chat.is_group:
        group = work.store.groups.get(chat)
        for member in () if group is None else group.members:
            addresses.forget_devices(canonical(work.store, member.jid))
        _forget_group(work, chat)
    elif phash in device_hashes(work.store, work.own, chat, work.now):
        return
    else:
        addresses.forget_devices(chat)
    addresses.forget_devices(work.own.pn.bare)


def _forget_group(work: Work, chat: Jid) -> None:
    """The group is asked for again before the next message."""
    group = work.store.groups.get(chat)
    if group is not None:
        work.store.groups.put(replace(group, fetched_at=0))
