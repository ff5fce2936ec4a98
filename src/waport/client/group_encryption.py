"""Sender keys: load, use, save, all in the caller's transaction.

Source: docs/protocol/signal.md, "Sender keys".
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import CorruptRecord, DecodeError, DecryptError, DecryptFailure
from ..proto import pb
from ..signal import (
    SenderKeyRecord,
    accept_distribution,
    create_sender_key,
    decrypt_group,
    distribution_message,
    encrypt_group,
    pad,
    parse_distribution,
)
from ..stanza.message import Enc, OwnAddresses
from ..store import UnitOfWork
from ..wire import Jid
from .encryption import signal_device

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ToldDevices:
    """Who is told our sender key by a message that the server has not acknowledged yet.

    Attributes:
        group: the group, or the status feed.
        chain_id: of the key.
        addresses: Signal addresses.
    """

    group: Jid
    chain_id: int
    addresses: tuple[str, ...]


def own_key_address(own: OwnAddresses) -> str:
    """The address under which our own sender keys are kept."""
    return (own.lid or own.pn).signal_address


def load_sender_key(store: UnitOfWork, group: Jid, address: str) -> SenderKeyRecord | None:
    """A stored record; one that can't be parsed is kept aside and counts as none."""
    data = store.sender_keys.get(group, address)
    return None if data is None else _parse(store, group, address, data)


def _parse(store: UnitOfWork, group: Jid, address: str, data: bytes) -> SenderKeyRecord | None:
    try:
        return SenderKeyRecord.load(data)
    except CorruptRecord:
        log.error("a sender key is corrupt; its bytes are kept aside")
        store.sender_keys.put_aside(group, address)
        return None


def own_sender_key(store: UnitOfWork, group: Jid, own: OwnAddresses) -> SenderKeyRecord:
    """Our key of a group; a fresh one, known to nobody yet, where there is none."""
    address = own_key_address(own)
    record = load_sender_key(store, group, address)
    if record is None:
        record = create_sender_key()
        store.sender_keys.clear_memory(group)
        store.sender_keys.put(group, address, record.dump())
    return record


def distribution_content(record: SenderKeyRecord, group: Jid) -> pb.Message:
    """The message that tells a device our key; it reads from the next group message on."""
    message = pb.Message()
    key = message.senderKeyDistributionMessage
    key.groupId = str(group)
    key.axolotlSenderKeyDistributionMessage = distribution_message(record)
    return message


def encrypt_for_group(
    store: UnitOfWork, group: Jid, own: OwnAddresses, plaintext: bytes
) -> tuple[bytes, int]:
    """Encrypt a message for everybody who has our key, and keep the advanced key.

    Returns:
        the ciphertext, and the chain id of the key.

    Raises:
        CryptoError: the key is used up; rotating it helps.
    """
    record, ciphertext = encrypt_group(own_sender_key(store, group, own), pad(plaintext))
    store.sender_keys.put(group, own_key_address(own), record.dump())
    return ciphertext, record.chain_id


def mark_told(store: UnitOfWork, told: ToldDevices, own: OwnAddresses) -> None:
    """The server took the message: its devices have our key, if it still is the same one."""
    record = load_sender_key(store, told.group, own_key_address(own))
    if record is not None and record.chain_id == told.chain_id:
        store.sender_keys.mark_warm(told.group, told.addresses)


def rotate(store: UnitOfWork, groups: Sequence[Jid], own: OwnAddresses) -> None:
    """Throw our keys of these groups away: the next message brings a new one to all."""
    addresses = {own.pn.signal_address, own_key_address(own)}
    for group in groups:
        for address in addresses:
            store.sender_keys.delete(group, address)
        store.sender_keys.clear_memory(group)


def accept_sender_key(
    store: UnitOfWork, chat: Jid, sender: Jid, told: pb.SenderKeyDistributionMessage
) -> None:
    """Keep a key that a member told us; one that makes no sense is dropped alone.

    Args:
        chat: where the message with the key came in, bare.
        sender: the author's device.
    """
    if told.groupId != str(chat):
        log.warning("a sender key names another group than it came in; dropped")
        return
    try:
        distribution = parse_distribution(told.axolotlSenderKeyDistributionMessage)
    except DecodeError as exc:
        log.warning("a sender key is unusable: %s", exc)
        return
    address = signal_device(store, sender).signal_address
    before = load_sender_key(store, chat, address)
    after = accept_distribution(before, distribution)
    if after is not before:
        store.sender_keys.put(chat, address, after.dump())


def decrypt_group_enc(store: UnitOfWork, chat: Jid, sender: Jid, enc: Enc) -> bytes:
    """Decrypt an skmsg and keep the advanced key; the content is still padded.

    Raises:
        DecryptError: with the reason; the keys are unchanged.
    """
    device = signal_device(store, sender)
    address = device.signal_address
    try:
        return _decrypt(store, chat, address, load_sender_key(store, chat, address), enc)
    except DecryptError as exc:
        if exc.reason is not DecryptFailure.NO_SESSION:
            raise
        failure = exc
    # Senders differ in which of their devices they name; the signature proves the match.
    for name in dict.fromkeys((device.signal_name, sender.signal_name)):
        for other, data in store.sender_keys.of_user(chat, name):
            if other == address:
                continue
            try:
                return _decrypt(store, chat, other, _parse(store, chat, other, data), enc)
            except DecryptError as exc:
                if exc.reason is not DecryptFailure.NO_SESSION:
                    raise
    raise failure


def _decrypt(
    store: UnitOfWork, chat: Jid, address: str, record: SenderKeyRecord | None, enc: Enc
) -> bytes:
    after, padded = decrypt_group(record, enc.body)
    store.sender_keys.put(chat, address, after.dump())
    return padded
