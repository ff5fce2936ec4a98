"""Signal records of Baileys' files as records of ours.

Both keep the same numbers under other names. Its counters name the last message of a chain, ours
the next one; its newest chains and sender keys stand last, ours first; a receiving chain without a
key is closed: only the keys of its late messages are left.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Final

from ..errors import InvalidInput
from ..signal.chains import MAX_RECEIVING_CHAINS, MAX_SKIPPED_KEYS, ReceivingChain
from ..signal.records import (
    MAX_ARCHIVED_STATES,
    Parties,
    PendingPreKey,
    SendingChain,
    SessionRecord,
    SessionState,
    encode_state,
)
from ..signal.sender_records import MAX_SENDER_KEY_STATES, SenderKeyRecord, SenderKeyState
from .baileys_values import Json, data, fields, key, key_pair, number

_SENDING: Final = 1
_RECEIVING: Final = 2
_OPEN: Final = -1
_MAX_ID: Final = 2**24 - 1
_CLOSED_KEY: Final = bytes(32)


def read_session(value: Json, local_identity: bytes, local_registration_id: int) -> SessionRecord:
    """The record of a remote device.

    Args:
        local_identity: our identity public key.
        local_registration_id: ours.

    Raises:
        InvalidInput: it can't be read, or has no session that could be used.
    """
    entries = [fields(entry) for entry in fields(fields(value).get("_sessions")).values()]
    entries.sort(key=_last_used, reverse=True)
    current: SessionState | None = None
    archived: list[bytes] = []
    for entry in entries:
        state = _state(entry, local_identity, local_registration_id)
        if state is None:
            continue
        if current is None and fields(entry.get("indexInfo")).get("closed") == _OPEN:
            current = state
        else:
            archived.append(encode_state(state))
    if current is None and not archived:
        raise InvalidInput("a session record without a session")
    return SessionRecord(current, tuple(archived[:MAX_ARCHIVED_STATES]))


def _last_used(entry: Mapping[str, Json]) -> int:
    used = fields(entry.get("indexInfo")).get("used")
    return used if isinstance(used, int) else 0


def _state(entry: Mapping[str, Json], identity: bytes, registration_id: int) -> SessionState | None:
    """One session; None for one that was never sent in, which a retry repairs."""
    ratchet, index = fields(entry.get("currentRatchet")), fields(entry.get("indexInfo"))
    pair = key_pair(ratchet.get("ephemeralKeyPair"))
    sending: SendingChain | None = None
    receiving: list[ReceivingChain] = []
    for name, chain in fields(entry.get("_chains")).items():
        ratchet_key, chain = key(name), fields(chain)
        if chain.get("chainType") == _RECEIVING:
            receiving.append(_receiving(ratchet_key, chain))
        elif chain.get("chainType") == _SENDING and ratchet_key == pair.public:
            link = fields(chain.get("chainKey"))
            sending = SendingChain(pair.private, pair.public, key(link.get("key")), _next(link))
    if sending is None:
        return None
    parties = Parties(
        identity,
        key(index.get("remoteIdentityKey")),
        key(index.get("baseKey")),
        registration_id,
        number(entry.get("registrationId") or 0),
    )
    newest = reversed(receiving[-MAX_RECEIVING_CHAINS:])
    return SessionState(
        parties,
        key(ratchet.get("rootKey")),
        sending,
        b"".join(chain.pack() for chain in newest),
        max(0, _counter(ratchet.get("previousCounter"))),
        _pending(entry.get("pendingPreKey")),
    )


def _receiving(ratchet_key: bytes, chain: Mapping[str, Json]) -> ReceivingChain:
    link = fields(chain.get("chainKey"))
    chain_key = key(link["key"]) if link.get("key") else _CLOSED_KEY
    seeds = {_counter_name(name): seed for name, seed in fields(chain.get("messageKeys")).items()}
    kept = sorted(seeds.items())[-MAX_SKIPPED_KEYS:]
    skipped = b"".join(struct.pack(">I32s", counter, key(seed)) for counter, seed in kept)
    return ReceivingChain(ratchet_key, chain_key, _next(link), skipped)


def _counter_name(name: str) -> int:
    if not (name.isascii() and name.isdigit()) or len(name) > 9:
        raise InvalidInput("a message key without its number")
    return int(name)


def _counter(value: Json) -> int:
    """The last message of a chain, -1 for none."""
    return -1 if value == -1 else number(value, 2**31)


def _next(chain_key: Mapping[str, Json]) -> int:
    return _counter(chain_key.get("counter")) + 1


def _pending(value: Json) -> PendingPreKey | None:
    if value is None:
        return None
    pending = fields(value)
    one_time = pending.get("preKeyId")
    return PendingPreKey(
        number(one_time, _MAX_ID) if one_time else None, number(pending.get("signedKeyId"), _MAX_ID)
    )


def read_sender_key(value: Json) -> SenderKeyRecord:
    """The sender keys of one device in one group.

    Raises:
        InvalidInput: they can't be read, or there are none.
    """
    # A list, or the bytes of its JSON.
    try:
        states = value if isinstance(value, list) else json.loads(data(value))
    except (ValueError, RecursionError) as exc:
        raise InvalidInput("a sender key that can't be read") from exc
    if not isinstance(states, list) or not states:
        raise InvalidInput("a sender key record without a key")
    newest = states[: -MAX_SENDER_KEY_STATES - 1 : -1]
    return SenderKeyRecord(tuple(_sender_state(fields(state)) for state in newest))


def _sender_state(state: Mapping[str, Json]) -> SenderKeyState:
    link, signing = fields(state.get("senderChainKey")), fields(state.get("senderSigningKey"))
    private = signing.get("private")
    own = data(private) if private else b""
    late = state.get("senderMessageKeys") or []
    if not isinstance(late, list):
        raise InvalidInput("late sender keys that can't be read")
    seeds = {number(fields(entry).get("iteration")): fields(entry).get("seed") for entry in late}
    kept = sorted(seeds.items())[-MAX_SKIPPED_KEYS:]
    return SenderKeyState(
        number(state.get("senderKeyId")),
        number(link.get("iteration")),
        key(link.get("seed")),
        key(signing.get("public")),
        key(private) if own else b"",
        b"".join(struct.pack(">I32s", iteration, key(seed)) for iteration, seed in kept),
    )
