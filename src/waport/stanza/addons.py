"""Add-ons encrypted under the secret of the message that they belong to: votes, answers to events,
reactions, comments and edits.

The author and the sender enter the key by their addresses. Each has two, so that a reader tries
all pairs.

Source: docs/protocol/messages.md, "Add-on crypto".
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from google.protobuf.message import DecodeError as ProtobufError

from ..crypto import RandomBytes, aes_gcm_decrypt, aes_gcm_encrypt, hkdf, sha256
from ..errors import CryptoError, DecodeError, InvalidInput
from ..model.contents import (
    Attendance,
    EncryptedComment,
    EncryptedEdit,
    EncryptedReaction,
    EventAnswer,
    EventResponse,
    Poll,
    PollVote,
    Reaction,
    Sealed,
    SecretEdit,
    TargetKey,
)
from ..proto import pb
from ..wire import Jid
from .content import parse_content
from .contents.changes import REACTION
from .contents.context import NO_TARGET

SECRET_SIZE: Final = 32
IV_SIZE: Final = 12
MAX_CHOICES: Final = 256
"""Chosen answers looked at in one vote; a poll has 12."""


class AddOn(StrEnum):
    """What an add-on is; the text enters its key."""

    POLL_VOTE = "Poll Vote"
    EVENT_RESPONSE = "Event Response"
    REACTION = "Enc Reaction"
    COMMENT = "Enc Comment"
    EVENT_EDIT = "Event Edit"
    POLL_EDIT = "Poll Edit"
    POLL_ADD_OPTION = "Poll Add Option"
    MESSAGE_EDIT = "Message Edit"


_WITH_AAD: Final = frozenset((AddOn.POLL_VOTE, AddOn.EVENT_RESPONSE))

_EDITS: Final = {
    SecretEdit.EVENT_EDIT: (AddOn.EVENT_EDIT,),
    SecretEdit.MESSAGE_EDIT: (AddOn.MESSAGE_EDIT,),
    SecretEdit.POLL_EDIT: (AddOn.POLL_EDIT,),
    # Clients disagree about the label.
    SecretEdit.POLL_ADD_OPTION: (AddOn.POLL_ADD_OPTION, AddOn.POLL_EDIT),
}


@dataclass(frozen=True, slots=True)
class Original:
    """The message that an add-on belongs to.

    Attributes:
        id: its stanza id.
        authors: the author's known addresses; the one used in that message first.
        secret: its 32-byte secret.
    """

    id: str
    authors: tuple[Jid, ...]
    secret: bytes = field(repr=False)


# --- any add-on ----------------------------------------------------------------------------------


def add_on_key(add_on: str, original_id: str, author: Jid, sender: Jid, secret: bytes) -> bytes:
    """The key of an add-on, 32 bytes.

    Args:
        add_on: what it is.
        original_id: the message that it belongs to.
        author: who wrote that.
        sender: who sends the add-on.
        secret: of the original message, 32 bytes.

    Raises:
        CryptoError: the secret has another length.
    """
    if len(secret) != SECRET_SIZE:
        raise CryptoError("a message secret has 32 bytes")
    info = f"{original_id}{author.bare}{sender.bare}{add_on}".encode()
    return hkdf(secret, b"", info, 32)


def seal(
    add_on: AddOn,
    plaintext: bytes,
    original: Original,
    senders: Sequence[Jid],
    *,
    random_bytes: RandomBytes = os.urandom,
) -> Sealed:
    """Encrypt an add-on.

    Args:
        plaintext: a serialized protobuf, not padded.
        senders: our own addresses; the one of the original author's kind is used.

    Raises:
        CryptoError: the secret has a wrong length.
        InvalidInput: an address is missing.
    """
    author, sender = next(_pairs(original.authors[:1], senders), (None, None))
    if author is None or sender is None:
        raise InvalidInput("an add-on needs an author and a sender")
    key = add_on_key(add_on, original.id, author, sender, original.secret)
    iv = random_bytes(IV_SIZE)
    aad = _aad(add_on, original.id, sender)
    return Sealed(iv, aes_gcm_encrypt(key, iv, plaintext, aad))


def unseal(add_on: AddOn, sealed: Sealed, original: Original, senders: Sequence[Jid]) -> bytes:
    """Decrypt an add-on with each pair of addresses until one fits.

    Args:
        senders: the known addresses of who sent it.

    Raises:
        CryptoError: no pair fits; the add-on is to be dropped.
    """
    check_iv(sealed.iv)
    for author, sender in _pairs(original.authors, senders):
        key = add_on_key(add_on, original.id, author, sender, original.secret)
        try:
            return aes_gcm_decrypt(
                key, sealed.iv, sealed.payload, _aad(add_on, original.id, sender)
            )
        except CryptoError:
            continue
    raise CryptoError("the add-on fits no pair of addresses")


def check_iv(iv: bytes) -> None:
    """Refuse an IV that add-ons don't use.

    Raises:
        CryptoError: it has another length than 12 bytes.
    """
    if len(iv) != IV_SIZE:
        raise CryptoError("the IV of an add-on has 12 bytes")


def _aad(add_on: AddOn, original_id: str, sender: Jid) -> bytes:
    return f"{original_id}\0{sender.bare}".encode() if add_on in _WITH_AAD else b""


def _pairs(authors: Sequence[Jid], senders: Sequence[Jid]) -> Iterator[tuple[Jid, Jid]]:
    """LID with LID, then PN with PN, then the mixed pairs."""
    pairs = [(author.bare, sender.bare) for author in authors for sender in senders]

    def place(pair: tuple[Jid, Jid]) -> int:
        author, sender = pair
        if author.is_lid and sender.is_lid:
            return 0
        return 1 if author.server == sender.server else 2

    # A dict drops repeated pairs and keeps the order.
    return iter(sorted(dict.fromkeys(pairs), key=place))


def parse_plaintext(part: Any, data: bytes, what: str) -> Any:
    """Parse into an empty protobuf.

    Raises:
        DecodeError: it is none; `what` names it.
    """
    try:
        part.ParseFromString(data)
    except ProtobufError as exc:
        raise DecodeError(f"the {what} is not a protobuf") from exc
    return part


# --- votes ---------------------------------------------------------------------------------------


def option_hash(name: str) -> bytes:
    """How a vote names an answer: SHA-256 of its text."""
    return sha256(name.encode("utf-8", "surrogatepass"))


def cast_vote(
    poll: Poll,
    chosen: Iterable[str],
    target: TargetKey,
    original: Original,
    senders: Sequence[Jid],
    *,
    timestamp_ms: int,
    random_bytes: RandomBytes = os.urandom,
) -> PollVote:
    """Vote in a poll.

    Args:
        poll: the poll.
        chosen: all answers chosen from now on; none takes the vote back.
        target: the poll's message.
        original: the same message, for the key.
        senders: our own addresses.
        timestamp_ms: now, Unix milliseconds.

    Raises:
        InvalidInput: an answer is not the poll's, or too many are chosen.
        CryptoError: the poll's secret has a wrong length.
    """
    names = list(dict.fromkeys(chosen))
    for name in names:
        if name not in poll.options:
            raise InvalidInput(f"the poll has no answer {name!r}")
    if poll.selectable and len(names) > poll.selectable:
        raise InvalidInput(f"at most {poll.selectable} answers can be chosen")
    vote = pb.PollVoteMessage(selectedOptions=[option_hash(name) for name in names])
    sealed = seal(
        AddOn.POLL_VOTE, vote.SerializeToString(), original, senders, random_bytes=random_bytes
    )
    return PollVote(target, sealed, timestamp_ms)


def open_vote(vote: PollVote, original: Original, senders: Sequence[Jid]) -> tuple[bytes, ...]:
    """What a vote chooses, as hashes (`option_hash`). `stanza.tally` makes sense of them.

    Raises:
        CryptoError: it can't be decrypted.
        DecodeError: it is no vote.
    """
    data = unseal(AddOn.POLL_VOTE, vote.sealed, original, senders)
    opened = parse_plaintext(pb.PollVoteMessage(), data, "vote")
    if len(opened.selectedOptions) > MAX_CHOICES:
        raise DecodeError("the vote chooses too much")
    return tuple(opened.selectedOptions)


# --- answers to events ---------------------------------------------------------------------------


def answer_event(
    answer: EventAnswer,
    target: TargetKey,
    original: Original,
    senders: Sequence[Jid],
    *,
    random_bytes: RandomBytes = os.urandom,
) -> EventResponse:
    """Answer an event.

    Raises:
        InvalidInput: the answer does not fit into its fields.
        CryptoError: the event's secret has a wrong length.
    """
    response = pb.EventResponseMessage()
    try:
        response.response = int(answer.attendance)  # type: ignore[assignment]
        response.timestampMs = answer.timestamp_ms
        response.extraGuestCount = answer.extra_guests
    except (ValueError, TypeError) as exc:
        raise InvalidInput(f"the answer does not fit: {exc}") from exc
    data = response.SerializeToString()
    sealed = seal(AddOn.EVENT_RESPONSE, data, original, senders, random_bytes=random_bytes)
    return EventResponse(target, sealed)


def open_event_response(
    response: EventResponse, original: Original, senders: Sequence[Jid]
) -> EventAnswer:
    """What somebody answers to an event.

    Raises:
        CryptoError: it can't be decrypted.
        DecodeError: it is no answer.
    """
    data = unseal(AddOn.EVENT_RESPONSE, response.sealed, original, senders)
    opened = parse_plaintext(pb.EventResponseMessage(), data, "answer")
    return EventAnswer(
        Attendance(opened.response), opened.timestampMs, max(opened.extraGuestCount, 0)
    )


# --- reactions, comments, edits ------------------------------------------------------------------


def seal_reaction(
    reaction: Reaction,
    original: Original,
    senders: Sequence[Jid],
    *,
    random_bytes: RandomBytes = os.urandom,
) -> EncryptedReaction:
    """A reaction as announcement groups want it.

    Raises:
        InvalidInput: the reaction does not fit into its fields.
        CryptoError: the secret has a wrong length.
    """
    inner = pb.ReactionMessage()
    # The target stands outside the encryption.
    REACTION.write(inner, replace(reaction, target=NO_TARGET))
    data = inner.SerializeToString()
    sealed = seal(AddOn.REACTION, data, original, senders, random_bytes=random_bytes)
    return EncryptedReaction(reaction.target, sealed)


def open_reaction(
    reaction: EncryptedReaction, original: Original, senders: Sequence[Jid]
) -> Reaction:
    """An encrypted reaction, opened.

    Raises:
        CryptoError: it can't be decrypted.
        DecodeError: it is no reaction.
    """
    data = unseal(AddOn.REACTION, reaction.sealed, original, senders)
    opened = REACTION.read(parse_plaintext(pb.ReactionMessage(), data, "reaction"))
    return replace(opened, target=reaction.target)


def seal_comment(
    content: pb.Message,
    target: TargetKey,
    original: Original,
    senders: Sequence[Jid],
    *,
    random_bytes: RandomBytes = os.urandom,
) -> EncryptedComment:
    """A comment on a post.

    Raises:
        CryptoError: the secret has a wrong length.
    """
    data = content.SerializeToString()
    sealed = seal(AddOn.COMMENT, data, original, senders, random_bytes=random_bytes)
    return EncryptedComment(target, sealed)


def seal_edit(
    kind: SecretEdit,
    content: pb.Message,
    target: TargetKey,
    original: Original,
    senders: Sequence[Jid],
    *,
    random_bytes: RandomBytes = os.urandom,
) -> EncryptedEdit:
    """An edit of an event, a poll or a text.

    Raises:
        InvalidInput: there is no such edit.
        CryptoError: the secret has a wrong length.
    """
    labels = _EDITS.get(kind)
    if labels is None:
        raise InvalidInput(f"{kind.name} is no edit")
    data = content.SerializeToString()
    sealed = seal(labels[0], data, original, senders, random_bytes=random_bytes)
    return EncryptedEdit(target, sealed, kind)


def open_message(
    add_on: EncryptedComment | EncryptedEdit, original: Original, senders: Sequence[Jid]
) -> pb.Message:
    """The content of an encrypted comment or edit.

    Raises:
        CryptoError: it can't be decrypted.
        DecodeError: it is no content.
    """
    if isinstance(add_on, EncryptedComment):
        labels: tuple[AddOn, ...] = (AddOn.COMMENT,)
    else:
        labels = _EDITS.get(add_on.kind, ())
    for label in labels:
        try:
            return parse_content(unseal(label, add_on.sealed, original, senders))
        except CryptoError:
            continue
    raise CryptoError("the add-on can't be decrypted")
