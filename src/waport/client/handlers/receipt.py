"""Receipts and acks of our own messages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ...model import Ack, AckChanged
from ...stanza.message import MessageAck
from ...stanza.receipt import Receipt, ack, parse_receipt
from ...wire import Node
from ..fanout import canonical, device_hashes
from ..work import Work

if TYPE_CHECKING:
    from ..retries import Retries

log = logging.getLogger(__name__)


def receipt_handler(retries: Retries) -> Callable[[Work, Node], None]:
    """A handler for `<receipt>` that hands requests for a resend to `retries`."""

    def handle_receipt(work: Work, node: Node) -> None:
        receipt = parse_receipt(node)
        if receipt.retry is not None:
            # Acked once it is answered: if the connection ends before, the server asks again.
            work.later(partial(retries.answer, receipt, ack(node)))
            return
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
        work.store.chats.mark_read(chat)
    participant = None
    if receipt.participant is not None:
        participant = canonical(work.store, receipt.participant)
    for message_id in receipt.ids:
        message = work.store.messages.get(chat, message_id)
        # Others read what we wrote; our own devices read what others wrote.
        if message is None or message.key.from_me is is_own:
            continue
        changed = work.store.messages.set_ack(chat, message_id, level)
        if changed is not None:
            work.emit(AckChanged(changed, level, participant))


def apply_message_ack(work: Work, answer: MessageAck) -> None:
    """The server has a message of ours, or refuses it; it leaves the send queue."""
    queued = work.store.send_queue.get(answer.id)
    if queued is None:
        return
    work.store.send_queue.done(answer.id)
    level = Ack.SERVER
    if answer.error:
        level = Ack.ERROR
        log.warning("the server refused a message: code %d", answer.error)
    work.store.messages.set_pending(queued.chat, answer.id, False)
    changed = work.store.messages.set_ack(queued.chat, answer.id, level)
    if changed is not None:
        work.emit(AckChanged(changed, level))
    if answer.phash is not None and answer.phash not in device_hashes(
        work.store, work.own, queued.chat, work.now
    ):
        # The server knows other devices than we do; the next send asks anew.
        work.store.addresses.forget_devices(queued.chat)
        work.store.addresses.forget_devices(work.own.pn.bare)
