"""The phone's sender keys: its own for each group, with who knows them, and those of others.

Source: docs/protocol/signal.md, "Sender keys".
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from ..crypto import RandomBytes
from ..signal import (
    SenderKeyRecord,
    accept_distribution,
    create_sender_key,
    decrypt_group,
    distribution_message,
    encrypt_group,
    parse_distribution,
    unpad,
)
from .phone_trouble import NO_TROUBLE, Trouble
from .saved import Saved


@dataclass(slots=True)
class _OwnKey:
    record: SenderKeyRecord
    told: set[str] = field(default_factory=set)


class SenderKeys:
    """Keys of all groups, and of the status feed, by chat JID; devices by Signal address."""

    def __init__(self, random_bytes: RandomBytes = os.urandom) -> None:
        self._random_bytes = random_bytes
        self._own: dict[str, _OwnKey] = {}
        self._others: dict[str, dict[str, SenderKeyRecord]] = {}

    # --- sending ---------------------------------------------------------------------------------

    def told(self, chat: str) -> Set[str]:
        """The devices that have the current key of a chat."""
        own = self._own.get(chat)
        return set() if own is None else own.told

    def distribution(self, chat: str, trouble: Trouble = NO_TROUBLE) -> bytes:
        """The message that gives a device the current key; the key is made if there is none.

        It is good for what is encrypted from now on.
        """
        message = distribution_message(self._key(chat).record)
        return message[1:] if trouble.is_bare_key else message

    def encrypt(self, chat: str, plaintext: bytes, trouble: Trouble = NO_TROUBLE) -> bytes:
        """Pad and encrypt for everybody who has the current key."""
        own = self._key(chat)
        for _ in range(trouble.skip):
            own.record, _ = encrypt_group(own.record, b"\x01", self._random_bytes)
        padded = trouble.pad(plaintext, self._random_bytes)
        own.record, body = encrypt_group(own.record, padded, self._random_bytes)
        return trouble.seal(body)

    def chain_id(self, chat: str) -> int:
        """Names the current key of a chat."""
        return self._key(chat).record.chain_id

    def tell(self, chat: str, chain_id: int, addresses: Iterable[str]) -> None:
        """Note that devices have been given a key, unless it is not the current one any more."""
        own = self._own.get(chat)
        if own is not None and own.record.chain_id == chain_id:
            own.told.update(addresses)

    def doubt(self, chat: str, address: str) -> None:
        """A device may not have the key after all: it is told again with the next message."""
        own = self._own.get(chat)
        if own is not None:
            own.told.discard(address)

    def forget(self, chat: str) -> None:
        """Make another key for the next message: somebody has the old one who should not."""
        self._own.pop(chat, None)

    def _key(self, chat: str) -> _OwnKey:
        if chat not in self._own:
            self._own[chat] = _OwnKey(create_sender_key(self._random_bytes))
        return self._own[chat]

    # --- receiving -------------------------------------------------------------------------------

    def accept(self, chat: str, address: str, data: bytes) -> None:
        """Keep a key that a device has told us.

        Raises:
            DecodeError: it is no distribution message.
        """
        records = self._others.setdefault(chat, {})
        records[address] = accept_distribution(records.get(address), parse_distribution(data))

    def decrypt(self, chat: str, address: str, body: bytes) -> bytes:
        """Decrypt a `skmsg` of a device and take off the padding.

        Raises:
            DecryptError: nothing has changed, save that the chain went on for `CORRUPT_PLAINTEXT`.
        """
        records = self._others.get(chat, {})
        record, padded = decrypt_group(records.get(address), body)
        records[address] = record
        return unpad(padded)

    # --- the state folder ------------------------------------------------------------------------

    def dump(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {
            "own": [
                {"chat": chat, "record": own.record.dump().hex(), "told": sorted(own.told)}
                for chat, own in self._own.items()
            ],
            "others": [
                {"chat": chat, "sender": address, "record": record.dump().hex()}
                for chat, records in self._others.items()
                for address, record in records.items()
            ],
        }

    def restore(self, saved: Saved) -> None:
        """Take back what `dump` gave.

        Raises:
            CorruptRecord: it is something else.
        """
        for item in saved.parts("own"):
            record = SenderKeyRecord.load(item.data("record"))
            self._own[item.text("chat")] = _OwnKey(record, set(item.texts("told")))
        for item in saved.parts("others"):
            records = self._others.setdefault(item.text("chat"), {})
            records[item.text("sender")] = SenderKeyRecord.load(item.data("record"))
