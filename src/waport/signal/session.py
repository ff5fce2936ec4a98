"""Pairwise sessions: a record goes in; a new record and a message come out.

Nothing here stores anything, and nothing changes what it was given: whoever calls keeps the new
record if the function returned, and the old one if it raised.

Source: docs/protocol/signal.md, "X3DH", "Session record", "Double ratchet".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..crypto import KeyPair, RandomBytes
from ..errors import CryptoError, DecryptError, DecryptFailure
from .keys import LocalIdentity, PreKeyBundle
from .messages import (
    PreKeySignalMessage,
    SignalMessage,
    encode_pre_key_message,
    parse_pre_key_message,
    parse_signal_message,
)
from .ratchet import MAX_JUMP, seal, unseal
from .records import SessionRecord, SessionState, decode_state, has_base_key
from .x3dh import open_incoming, open_outgoing

KeyLookup = Callable[[int], KeyPair | None]
"""Finds a pre-key pair of ours by its id; None when there is none."""


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """An encrypted message.

    Attributes:
        type: "pkmsg" while the peer has not answered in this session, "msg" afterwards.
        body: the bytes of `<enc>`.
    """

    type: Literal["pkmsg", "msg"]
    body: bytes


@dataclass(frozen=True, slots=True)
class PreKeyDecryption:
    """What came out of a pkmsg.

    Attributes:
        record: to be stored, together with `identity`.
        plaintext: still padded.
        identity: the sender's identity public key, 32 bytes; compare it with the one known so far.
        used_pre_key_id: the one-time pre-key to delete once the record is stored; None for none.
        is_new_session: whether a session was opened by this message.
    """

    record: SessionRecord
    plaintext: bytes
    identity: bytes
    used_pre_key_id: int | None
    is_new_session: bool


def start_session(
    local: LocalIdentity,
    bundle: PreKeyBundle,
    record: SessionRecord | None = None,
    *,
    random_bytes: RandomBytes = os.urandom,
) -> SessionRecord:
    """Open a session with a peer's device from its bundle; a session in `record` is archived.

    Raises:
        CryptoError: the bundle's signature, lengths or ids are wrong, or a key is a low-order
            point.
    """
    bundle.verify()
    state = open_outgoing(local, bundle, random_bytes)
    return SessionRecord(state) if record is None else record.opened(state)


def encrypt(record: SessionRecord, plaintext: bytes) -> tuple[SessionRecord, Ciphertext]:
    """Encrypt for the peer's device.

    The record must be stored before the message leaves: a key is never used for two messages.

    Args:
        record: holds a current session.
        plaintext: already padded.

    Raises:
        CryptoError: there is no session to send on.
    """
    state = record.current
    if state is None:
        raise CryptoError("there is no current session: start one from a bundle")
    state, message = seal(state, plaintext)
    after = SessionRecord(state, record.archived)
    pending = state.pending
    if pending is None:
        return after, Ciphertext("msg", message)
    parties = state.parties
    body = encode_pre_key_message(
        pending.pre_key_id,
        pending.signed_pre_key_id,
        parties.base_key,
        parties.local_identity,
        parties.local_registration_id,
        message,
    )
    return after, Ciphertext("pkmsg", body)


def decrypt_message(
    record: SessionRecord | None,
    body: bytes,
    *,
    max_jump: int = MAX_JUMP,
    random_bytes: RandomBytes = os.urandom,
) -> tuple[SessionRecord, bytes]:
    """Decrypt a `msg`.

    The current session is tried first, then the archived ones, newest first. One of those that fits
    becomes the current one.

    Args:
        record: what is stored about the sender's device; None when nothing is.
        body: the bytes of `<enc>`.
        max_jump: how far the counter may be ahead; `MAX_JUMP_OWN_DEVICE` for our own devices.
        random_bytes: gives the 32 bytes of a new ratchet key, when one is due.

    Returns:
        the record to store, and the plaintext, still padded.

    Raises:
        DecryptError: refused, with the reason that the newest session gave.
        CorruptRecord: an archived session cannot be read.
    """
    message = parse_signal_message(body)
    if record is None:
        raise DecryptError(DecryptFailure.NO_SESSION)
    current = record.current
    failure: DecryptError | None = None
    if current is not None:
        try:
            state, plaintext = unseal(current, message, max_jump, random_bytes)
        except DecryptError as exc:
            if exc.reason in _FINAL:
                raise
            failure = exc
        else:
            return SessionRecord(state, record.archived), plaintext
    return _decrypt_archived(record, message, max_jump, random_bytes, failure)


def decrypt_pre_key_message(
    local: LocalIdentity,
    record: SessionRecord | None,
    body: bytes,
    *,
    signed_pre_key: KeyLookup,
    pre_key: KeyLookup,
    max_jump: int = MAX_JUMP,
    random_bytes: RandomBytes = os.urandom,
) -> PreKeyDecryption:
    """Decrypt a `pkmsg`, which opens a session unless it belongs to a known one.

    Args:
        local: our identity.
        record: what is stored about the sender's device; None when nothing is.
        body: the bytes of `<enc>`.
        signed_pre_key: finds our signed pre-key by id, older ones included.
        pre_key: finds our one-time pre-key by id; asked only when a session is opened.
        max_jump: how far the counter may be ahead; `MAX_JUMP_OWN_DEVICE` for our own devices.
        random_bytes: gives the 32 bytes of a new ratchet key, when one is due.

    Raises:
        DecryptError: refused; no pre-key is used up.
        CorruptRecord: an archived session cannot be read.
    """
    outer = parse_pre_key_message(body)
    known = None if record is None else _decrypt_known(record, outer, max_jump, random_bytes)
    if known is not None:
        return PreKeyDecryption(*known, outer.identity, None, False)

    opened = _open_incoming(local, outer, signed_pre_key, pre_key)
    state, plaintext = unseal(opened, outer.message, max_jump, random_bytes)
    after = SessionRecord(state) if record is None else record.opened(state)
    return PreKeyDecryption(after, plaintext, outer.identity, outer.pre_key_id, True)


def pre_key_message_identity(body: bytes) -> bytes:
    """The sender's identity public key (32 bytes) as a pkmsg claims it; nothing is authenticated.

    Raises:
        DecryptError: no such message.
    """
    return parse_pre_key_message(body).identity


_FINAL = frozenset({DecryptFailure.DUPLICATE, DecryptFailure.INVALID_MESSAGE})
"""Refusals that show that the message is of the session that was tried: no other one is."""


def _decrypt_archived(
    record: SessionRecord,
    message: SignalMessage,
    max_jump: int,
    random_bytes: RandomBytes,
    failure: DecryptError | None,
) -> tuple[SessionRecord, bytes]:
    for position, stored in enumerate(record.archived):
        try:
            state, plaintext = unseal(decode_state(stored), message, max_jump, random_bytes)
        except DecryptError as exc:
            if exc.reason in _FINAL:
                raise
            failure = failure or exc
        else:
            return record.promoted(position, state), plaintext
    raise failure or DecryptError(DecryptFailure.NO_SESSION)


def _decrypt_known(
    record: SessionRecord,
    outer: PreKeySignalMessage,
    max_jump: int,
    random_bytes: RandomBytes,
) -> tuple[SessionRecord, bytes] | None:
    """Decrypt with the session that this base key opened; None when there is no such session.

    The identity must fit as well: a pkmsg is not authenticated outside its inner message, and the
    key that it shows is reported as the sender's.
    """
    base_key, identity = outer.base_key, outer.identity
    current = record.current
    if current is not None:
        parties = current.parties
        if parties.base_key == base_key and parties.remote_identity == identity:
            state, plaintext = unseal(current, outer.message, max_jump, random_bytes)
            return SessionRecord(state, record.archived), plaintext
    for position, stored in enumerate(record.archived):
        if has_base_key(stored, base_key, identity):
            archived = decode_state(stored)
            state, plaintext = unseal(archived, outer.message, max_jump, random_bytes)
            return record.promoted(position, state), plaintext
    return None


def _open_incoming(
    local: LocalIdentity,
    outer: PreKeySignalMessage,
    signed_pre_key: KeyLookup,
    pre_key: KeyLookup,
) -> SessionState:
    signed_pair = signed_pre_key(outer.signed_pre_key_id)
    if signed_pair is None:
        raise DecryptError(DecryptFailure.INVALID_KEY_ID, "unknown signed pre-key id")
    one_time_pair = None
    if outer.pre_key_id is not None:
        one_time_pair = pre_key(outer.pre_key_id)
        # Never without the one-time key instead: the secret would be another one.
        if one_time_pair is None:
            raise DecryptError(DecryptFailure.INVALID_KEY_ID, "unknown one-time pre-key id")
    try:
        return open_incoming(
            local,
            outer.identity,
            outer.registration_id,
            outer.base_key,
            signed_pair,
            one_time_pair,
        )
    except CryptoError as exc:
        raise DecryptError(DecryptFailure.INVALID_KEY, str(exc)) from exc
