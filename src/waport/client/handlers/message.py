"""A received message: decrypt, keep, announce, answer. One transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from ...errors import DecodeError, DecryptError, DecryptFailure
from ...model import MessageKey
from ...model.contents import Content, Edit, Revoke, TargetKey
from ...proto import pb
from ...signal import unpad
from ...stanza.content import open_device_sent, parse_content
from ...stanza.contents import read_message
from ...stanza.contents.traits import EditMark
from ...stanza.message import Enc, IncomingMessage, parse_message
from ...stanza.newsletter_posts import server_id_of, view_receipt
from ...stanza.receipt import MAX_RETRIES, RetryKeys, retry_receipt
from ...wire import Node
from .. import addons
from ..encryption import decrypt_enc, learn_mapping
from ..group_encryption import accept_sender_key, decrypt_group_enc
from ..placeholders import take_answer
from ..prekeys import take_pre_keys
from ..work import Work
from . import content
from .arrival import Arrival
from .business import take_verified_name
from .protocol import ProtocolMessages

log = logging.getLogger(__name__)

NACK_INVALID_CONTENT = 491

STATUS_AGE_S = 24 * 3600
"""A status post that is older is not asked for again: it is gone from everywhere."""

_FORCE_KEYS = frozenset(
    (
        DecryptFailure.NO_SESSION,
        DecryptFailure.INVALID_KEY_ID,
        DecryptFailure.INVALID_KEY,
        DecryptFailure.UNSUPPORTED_VERSION,
    )
)
"""Failures that only fresh keys can mend; they go along with the first request already."""

_PAIRWISE = frozenset(("pkmsg", "msg"))
_GROUP = "skmsg"

_ON_THE_PHONE_ONLY = frozenset(("bot_unavailable_fanout", "hosted_unavailable_fanout"))
"""Contents that are withheld for good: the phone would not give them either."""

AskPhone = Callable[[Work, MessageKey, bool], None]
"""Has the phone asked for a message, given as the stanza names it; at once, or after a while."""


def take_phone_answer(work: Work, incoming: IncomingMessage, answer: pb.ProtocolMessage) -> None:
    """The phone had messages that we could not read: they take their places."""
    for recovered in take_answer(work, incoming.sender, answer):
        key = recovered.key
        written = content.Written(
            key, key.chat, key.sender, recovered.timestamp, recovered.push_name
        )
        try:
            message = open_device_sent(parse_content(recovered.content)).message
            content.keep(work, written, message)
        except DecodeError as exc:
            log.warning("the phone's copy of a message makes no sense: %s", exc)


class _Outcome(Enum):
    """What a ciphertext came to."""

    TAKEN = auto()
    """The message was taken in and answered."""
    KEY_ONLY = auto()
    """It brought a key; the message is in another part."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """A ciphertext that could not be read."""

    enc: Enc
    error: DecryptError


class MessageHandler:
    """Takes in `<message>` stanzas; called on the store's writer thread.

    Args:
        protocol: acts on machinery inside the encryption.
        ask_phone: turns to the own phone for what can't be read here.

    Source: docs/protocol/messages.md, "Receiving".
    """

    def __init__(self, protocol: ProtocolMessages, ask_phone: AskPhone) -> None:
        self._protocol = protocol
        self._ask_phone = ask_phone

    def __call__(self, work: Work, node: Node) -> None:
        """Take in one.

        Raises:
            StanzaError: it can't be attributed; the dispatcher refuses it.
        """
        incoming = parse_message(node, work.own)
        for pn, lid in incoming.mappings:
            learn_mapping(work.store, pn, lid)
        arrival = Arrival.of(work, incoming)
        if not incoming.from_me:
            take_verified_name(work, node.find("verified_name"), arrival.key.sender)
        plaintext = node.find("plaintext")
        edit = node.get("edit")
        if incoming.chat.is_newsletter:
            _number_post(arrival)
        if incoming.chat.is_newsletter and edit in (EditMark.CHANNEL_EDIT, EditMark.ADMIN_REVOKE):
            _change_post(arrival, plaintext, EditMark(edit))
        elif arrival.is_known:
            self._take_known(arrival)
        elif plaintext is not None and incoming.chat.is_newsletter:
            self._take_post(arrival, plaintext.data)
        elif not incoming.encs and incoming.unavailable is not None:
            self._withheld(arrival, incoming.unavailable)
        else:
            self._decrypt_all(arrival)

    def _take_known(self, arrival: Arrival) -> None:
        """The message is here, from the phone perhaps; the key that comes along may be news."""
        for enc in arrival.incoming.encs:
            if enc.version == "2" and enc.kind in _PAIRWISE:
                try:
                    self._take_key(arrival, parse_content(unpad(_decrypted(arrival, enc))))
                except (DecryptError, DecodeError) as exc:
                    log.debug("nothing new came along: %s", exc)
        arrival.confirm()

    def _decrypt_all(self, arrival: Arrival) -> None:
        """Pairwise parts go first: they bring the key of the group's part."""
        encs = [enc for enc in arrival.incoming.encs if enc.version == "2"]
        pairwise = [enc for enc in encs if enc.kind in _PAIRWISE]
        grouped = [enc for enc in encs if enc.kind == _GROUP]
        failed: list[_Failed] = []
        has_key = False
        for enc in pairwise:
            outcome = self._try(arrival, enc, has_more=bool(grouped))
            if outcome is _Outcome.TAKEN:
                # One good part is enough.
                return
            if isinstance(outcome, _Failed):
                failed.append(outcome)
            else:
                has_key = True
        lacking = [one for one in failed if one.error.reason is not DecryptFailure.DUPLICATE]
        if lacking and not has_key:
            # The key of the other part was probably in it.
            self._could_not_read(arrival, lacking[0])
            return
        for enc in grouped:
            outcome = self._try(arrival, enc, has_more=False)
            if outcome is _Outcome.TAKEN:
                return
            if isinstance(outcome, _Failed):
                failed.append(outcome)
        if failed:
            self._could_not_read(arrival, failed[-1])
        elif has_key and not _has_strange_part(arrival.incoming):
            arrival.confirm()
        else:
            # In a form that is not understood.
            arrival.keep_place()
            arrival.dismiss()

    def _try(self, arrival: Arrival, enc: Enc, *, has_more: bool) -> _Outcome | _Failed:
        try:
            padded = _decrypted(arrival, enc)
        except DecryptError as exc:
            return _Failed(enc, exc)
        return self._take_in(arrival, padded, has_more=has_more)

    # --- what was decrypted ------------------------------------------------------------------

    def _take_in(self, arrival: Arrival, padded: bytes, *, has_more: bool) -> _Outcome:
        """Act on the content of one part.

        Args:
            has_more: another part may hold the message itself.
        """
        plaintext = padded
        try:
            plaintext = unpad(padded)
            message = parse_content(plaintext)
        except (DecryptError, DecodeError):
            log.warning("a message was decrypted but is no valid content")
            arrival.keep_place(plaintext)
            arrival.dismiss(NACK_INVALID_CONTENT)
            return _Outcome.TAKEN
        self._take_key(arrival, message)
        if content.is_empty(message) and (has_more or _has_strange_part(arrival.incoming)):
            return _Outcome.KEY_ONLY
        self._take_message(arrival, message, plaintext)
        return _Outcome.TAKEN

    def _take_key(self, arrival: Arrival, message: pb.Message) -> None:
        incoming = arrival.incoming
        if not message.HasField("senderKeyDistributionMessage"):
            return
        if incoming.chat.is_group or incoming.chat.is_broadcast:
            accept_sender_key(
                arrival.work.store,
                incoming.chat,
                incoming.sender,
                message.senderKeyDistributionMessage,
            )

    def _take_message(self, arrival: Arrival, message: pb.Message, plaintext: bytes) -> None:
        work, incoming = arrival.work, arrival.incoming
        opened = open_device_sent(message)
        if opened.destination is not None and not incoming.from_me:
            log.warning("somebody else's message claims to be ours; dropped")
            arrival.dismiss()
            return
        try:
            self._protocol.handle(work, incoming, opened.message)
            if incoming.is_peer:
                arrival.confirm()
                return
            kept = content.keep(
                work, content.Written.of(arrival), opened.message, opened.destination
            )
        except DecodeError as exc:
            log.warning("a message makes no sense: %s", exc)
            arrival.keep_place(plaintext)
            arrival.dismiss()
            return
        arrival.confirm()
        if kept.is_shown and work.seen_receipt and not incoming.from_me:
            arrival.mark_seen()

    def _take_post(self, arrival: Arrival, body: bytes) -> None:
        """A channel's post: not encrypted, not padded."""
        work, incoming = arrival.work, arrival.incoming
        kept = content.Kept(is_shown=False)
        try:
            message = parse_content(body)
            kept = content.keep(work, content.Written.of(arrival), message)
        except DecodeError as exc:
            log.warning("a post makes no sense: %s", exc)
            arrival.keep_place(body)
        arrival.confirm()
        number = server_id_of(incoming.node)
        if kept.is_shown and work.seen_receipt and number is not None and not incoming.from_me:
            # Whoever sees a post is counted, and named to nobody.
            work.reply(view_receipt(arrival.key.chat, incoming.id, [number]))

    # --- what could not be read --------------------------------------------------------------

    def _withheld(self, arrival: Arrival, why: str) -> None:
        """The server has the content for the phone only."""
        if arrival.keep_place() and why not in _ON_THE_PHONE_ONLY:
            self._ask_phone(arrival.work, _wire_key(arrival), True)
        arrival.dismiss()

    def _could_not_read(self, arrival: Arrival, failed: _Failed) -> None:
        work, incoming = arrival.work, arrival.incoming
        reason = failed.error.reason
        if reason is DecryptFailure.DUPLICATE:
            # Read before: the ratchet and the message were committed together.
            if incoming.from_me:
                arrival.confirm()
            else:
                arrival.dismiss()
            return
        log.warning("could not read a message: %s", reason.name)
        has_place = arrival.keep_place()
        if incoming.chat.is_status and work.now - arrival.timestamp > STATUS_AGE_S:
            arrival.dismiss()
            return
        asked = work.store.messages.bump_retry(arrival.key.chat, incoming.id, "self")
        count = max(asked, min(failed.enc.retry_count + 1, MAX_RETRIES + 1))
        if count <= MAX_RETRIES:
            keys = None
            if count > 1 or reason in _FORCE_KEYS:
                keys = _retry_keys(work)
            work.reply(
                retry_receipt(
                    incoming.node,
                    count=count,
                    reason=reason,
                    registration_id=work.credentials.registration_id,
                    keys=keys,
                )
            )
        if has_place and not incoming.is_peer:
            self._ask_phone(work, _wire_key(arrival), count >= MAX_RETRIES)
        arrival.dismiss()


def _decrypted(arrival: Arrival, enc: Enc) -> bytes:
    """Decrypt a part and keep the advanced keys; the content is still padded.

    Raises:
        DecryptError: with the reason; the keys are unchanged.
    """
    work, incoming = arrival.work, arrival.incoming
    if enc.kind == _GROUP:
        return decrypt_group_enc(work.store, incoming.chat, incoming.sender, enc)
    return decrypt_enc(
        work.store,
        work.credentials,
        incoming.sender,
        enc,
        device_identity=incoming.device_identity,
        from_own=incoming.from_me,
    )


def _number_post(arrival: Arrival) -> None:
    """Remember the number that a post has in its channel: reactions and views name it so."""
    number = server_id_of(arrival.incoming.node)
    if number is not None:
        arrival.work.store.newsletters.name_post(arrival.key.chat, number, arrival.key.id)


def _change_post(arrival: Arrival, plaintext: Node | None, edit: EditMark) -> None:
    """A channel's post is edited or taken back: both come under the id of the post itself."""
    target = TargetKey(arrival.incoming.id, arrival.incoming.chat, arrival.incoming.from_me)
    change: Content = Revoke(target)
    if edit is EditMark.CHANNEL_EDIT:
        try:
            message = parse_content(b"" if plaintext is None else plaintext.data)
            change = Edit(target, read_message(message).content, arrival.timestamp * 1000)
        except DecodeError as exc:
            log.warning("an edited post makes no sense: %s", exc)
            arrival.confirm()
            return
    addons.apply(
        arrival.work,
        addons.Arrival(
            key=arrival.key,
            sender=arrival.incoming.sender,
            chat=arrival.incoming.chat,
            content=change,
            timestamp=arrival.timestamp,
            message=None,
        ),
    )
    arrival.confirm()


def _has_strange_part(incoming: IncomingMessage) -> bool:
    """Whether a part is in a form that we don't know."""
    known = _PAIRWISE | {_GROUP}
    return any(enc.kind not in known or enc.version != "2" for enc in incoming.encs)


def _wire_key(arrival: Arrival) -> MessageKey:
    """The message as the phone knows it, in the stanza's own addressing."""
    incoming = arrival.incoming
    return MessageKey(incoming.chat, incoming.id, incoming.from_me, incoming.sender.bare)


def _retry_keys(work: Work) -> RetryKeys:
    work.credentials, (pre_key,) = take_pre_keys(work.store, work.credentials, 1, uploaded=True)
    return RetryKeys(
        identity=work.credentials.identity.public,
        pre_key=pre_key,
        signed_pre_key=work.credentials.signed_pre_key,
        device_identity=work.credentials.account,
    )
