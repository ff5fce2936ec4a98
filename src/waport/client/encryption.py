"""Load a Signal record, use it, save it: all in the caller's transaction.

Nothing here commits, and nothing waits; a step that fails leaves the records as they were.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from ..crypto import KeyPair
from ..errors import CorruptRecord, CryptoError, DecodeError, DecryptError, DecryptFailure
from ..model import Credentials
from ..pairing import verify_device_identity
from ..signal import (
    MAX_JUMP,
    MAX_JUMP_OWN_DEVICE,
    Ciphertext,
    LocalIdentity,
    PreKeyBundle,
    SessionRecord,
    decrypt_message,
    decrypt_pre_key_message,
    encrypt,
    pad,
    pre_key_message_identity,
    start_session,
)
from ..stanza.message import Enc
from ..stanza.prekeys import BundleAnswer, fingerprint
from ..store import UnitOfWork
from ..wire import Jid

log = logging.getLogger(__name__)

_TRY_PN = frozenset(
    (
        DecryptFailure.NO_SESSION,
        DecryptFailure.BAD_MAC,
        DecryptFailure.INVALID_MESSAGE,
        DecryptFailure.INVALID_KEY_ID,
    )
)


def signal_device(store: UnitOfWork, device: Jid) -> Jid:
    """The address under which a device's records are kept: its LID where that is known.

    Source: docs/protocol/signal.md, "LID first".
    """
    if device.is_pn:
        lid = store.addresses.lid_of(device.bare)
        if lid is not None:
            return lid.with_device(device.device)
    return device


def signal_names(store: UnitOfWork, users: Iterable[Jid]) -> list[str]:
    """The names under which many users' records are kept, in their order; see `signal_device`."""
    listed = [user.bare for user in users]
    pns = [user for user in listed if user.is_pn]
    lids = store.addresses.lids_of(pns) if pns else {}
    return [(lids.get(user, user) if pns else user).signal_name for user in listed]


def learn_mapping(store: UnitOfWork, pn: Jid, lid: Jid) -> bool:
    """Keep a PN-LID pair and move what was kept under the number to the hidden id."""
    if not store.addresses.learn(pn, lid):
        return False
    store.signal.migrate_user(pn.signal_name, lid.signal_name)
    store.sender_keys.migrate_user(pn.signal_name, lid.signal_name)
    store.messages.rename_chat(lid, pn)
    store.messages.rename_author(lid, pn)
    store.add_ons.rename(lid, pn)
    store.chats.rename(lid, pn)
    store.history.rename(lid, pn)
    store.contacts.rename(lid, pn)
    # What is still to be told of the chat stays ahead of what comes now.
    store.event_log.rename_lane(str(lid), str(pn))
    return True


def load_session(store: UnitOfWork, address: str) -> SessionRecord | None:
    """A stored record; one that can't be parsed is kept aside and counts as none."""
    data = store.signal.session(address)
    return None if data is None else _parse(store, address, data)


def load_sessions(store: UnitOfWork, addresses: Iterable[str]) -> dict[str, SessionRecord]:
    """The stored records of many devices, of those that have one that can be parsed."""
    stored = store.signal.sessions(addresses)
    parsed = {address: _parse(store, address, data) for address, data in stored.items()}
    return {address: record for address, record in parsed.items() if record is not None}


def _parse(store: UnitOfWork, address: str, data: bytes) -> SessionRecord | None:
    try:
        return SessionRecord.load(data)
    except CorruptRecord:
        log.error("a Signal session is corrupt; its bytes are kept aside")
        store.signal.put_aside(address)
        return None


def close_session(store: UnitOfWork, address: str) -> None:
    """The next message to this device needs its bundle; late ones from it are still read."""
    record = load_session(store, address)
    if record is not None:
        store.signal.put_session(address, record.closed().dump())


def has_session(store: UnitOfWork, device: Jid) -> bool:
    """Whether a message to this device can be encrypted without its bundle."""
    record = load_session(store, signal_device(store, device).signal_address)
    return record is not None and record.is_usable


def local_identity(credentials: Credentials) -> LocalIdentity:
    """Our half of every session."""
    return LocalIdentity(credentials.identity, credentials.registration_id)


def check_bundle(store: UnitOfWork, device: Jid, answer: BundleAnswer) -> PreKeyBundle:
    """A fetched bundle that may be used.

    Raises:
        CryptoError: there is none, or the device's identity does not verify.

    Source: docs/protocol/signal.md, "Verification before use".
    """
    if answer.bundle is None:
        raise CryptoError(f"no bundle (error {answer.error})")
    if device.device and answer.device_identity is not None:
        _verify_companion(store, device, answer.device_identity, answer.bundle.identity)
    return answer.bundle


def _verify_companion(
    store: UnitOfWork, device: Jid, device_identity: bytes, identity: bytes
) -> None:
    """Check that a companion belongs to its account.

    Raises:
        CryptoError: it does not, or the proof is unreadable.
    """
    account_key = _account_key(store, device)
    try:
        check = verify_device_identity(device_identity, identity, account_key)
    except DecodeError as exc:
        raise CryptoError("device identity is unreadable") from exc
    if not check.is_verified:
        log.info("a companion's account key is not known yet; trusted on first use")
    elif check.is_account_key_new and account_key is not None:
        log.warning("the account key of a companion differs from the known one")


def _account_key(store: UnitOfWork, device: Jid) -> bytes | None:
    """The identity key of the phone that a companion belongs to, if it is known."""
    return store.signal.identity(signal_device(store, device.with_device(0)).signal_address)


def install_bundle(
    store: UnitOfWork, credentials: Credentials, device: Jid, bundle: PreKeyBundle
) -> None:
    """Begin a session with a device; an older one is archived inside the record.

    Raises:
        CryptoError: the bundle's signature is wrong, or a key is unusable.
    """
    address = signal_device(store, device).signal_address
    record = start_session(local_identity(credentials), bundle, load_session(store, address))
    store.signal.put_session(address, record.dump())
    _keep_identity(store, address, bundle.identity)


def encrypt_for(store: UnitOfWork, device: Jid, plaintext: bytes) -> Ciphertext:
    """Encrypt a padded copy for one device and keep the advanced record.

    Raises:
        CryptoError: there is no session with it.
    """
    address = signal_device(store, device).signal_address
    record = load_session(store, address)
    if record is None:
        raise CryptoError("no session")
    record, ciphertext = encrypt(record, pad(plaintext))
    store.signal.put_session(address, record.dump())
    return ciphertext


def decrypt_enc(
    store: UnitOfWork,
    credentials: Credentials,
    sender: Jid,
    enc: Enc,
    *,
    device_identity: bytes | None,
    from_own: bool,
) -> bytes:
    """Decrypt a pairwise `<enc>`, keep the advanced record, and return the padded content.

    Args:
        sender: the author's device.
        device_identity: what the stanza brought beside a pkmsg.
        from_own: the author is this account.

    Raises:
        DecryptError: with the reason; the records are unchanged.
    """
    device = signal_device(store, sender)
    decrypt = partial(
        _decrypt, store, credentials, enc, device_identity=device_identity, from_own=from_own
    )
    try:
        return decrypt(device)
    except DecryptError as exc:
        # The peer may still use the session of the number.
        is_moved = device != sender and store.signal.session(sender.signal_address) is not None
        if not is_moved or exc.reason not in _TRY_PN:
            raise
    padded = decrypt(sender)
    _move_session(store, sender, device)
    return padded


def _move_session(store: UnitOfWork, source: Jid, target: Jid) -> None:
    """The session of the number has proved to be the one in use: it goes on under the hidden id."""
    old, new = source.signal_address, target.signal_address
    record, identity = store.signal.session(old), store.signal.identity(old)
    if record is not None:
        store.signal.put_session(new, record)
    if identity is not None:
        store.signal.put_identity(new, identity)
    store.signal.delete_session(old)
    store.signal.delete_identity(old)


def _decrypt(
    store: UnitOfWork,
    credentials: Credentials,
    enc: Enc,
    device: Jid,
    *,
    device_identity: bytes | None,
    from_own: bool,
) -> bytes:
    address = device.signal_address
    record = load_session(store, address)
    max_jump = MAX_JUMP_OWN_DEVICE if from_own else MAX_JUMP
    if enc.kind == "msg":
        record, padded = decrypt_message(record, enc.body, max_jump=max_jump)
        store.signal.put_session(address, record.dump())
        return padded
    _check_sender_identity(store, device, enc.body, device_identity)
    result = decrypt_pre_key_message(
        local_identity(credentials),
        record,
        enc.body,
        signed_pre_key=lambda key_id: _signed_pre_key(store, key_id),
        pre_key=store.signal.pre_key,
        max_jump=max_jump,
    )
    store.signal.put_session(address, result.record.dump())
    _keep_identity(store, address, result.identity)
    if result.used_pre_key_id is not None:
        store.signal.delete_pre_key(result.used_pre_key_id)
    return result.plaintext


def _signed_pre_key(store: UnitOfWork, key_id: int) -> KeyPair | None:
    key = store.signal.signed_pre_key(key_id)
    return None if key is None else key.pair


def _check_sender_identity(
    store: UnitOfWork, device: Jid, body: bytes, device_identity: bytes | None
) -> None:
    """A companion's first message must prove that the companion belongs to the account."""
    if not device.device:
        return
    identity = pre_key_message_identity(body)
    if device_identity is None:
        if store.signal.identity(device.signal_address) == identity:
            return
        raise DecryptError(DecryptFailure.DEVICE_IDENTITY, "no device identity")
    try:
        _verify_companion(store, device, device_identity, identity)
    except CryptoError as exc:
        raise DecryptError(DecryptFailure.DEVICE_IDENTITY, "device identity") from exc


def _keep_identity(store: UnitOfWork, address: str, identity: bytes) -> None:
    """Trust on first use; a change is accepted and told, only after a message proved it."""
    known = store.signal.identity(address)
    if known == identity:
        return
    if known is not None:
        log.warning(
            "identity of a device changed (%s -> %s)", fingerprint(known), fingerprint(identity)
        )
    store.signal.put_identity(address, identity)
