"""What a phone adds to messages in a way that only their readers can read: votes, answers, changes.

The emulator's own code, on purpose: if it shared the client's, a mistake in one would be hidden by
the same mistake in the other.

Source: docs/protocol/messages.md, "Add-on crypto".
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.protobuf.message import Message as ProtobufMessage

from ..crypto import RandomBytes, aes_gcm_decrypt, aes_gcm_encrypt, hkdf, sha256
from ..errors import CryptoError, InvalidInput
from ..proto import pb
from ..wire import Jid
from .phone_content import unwrap

_IV = 12
_KEY = 32
_POLLS = (
    "pollCreationMessage",
    "pollCreationMessageV2",
    "pollCreationMessageV3",
    "pollCreationMessageV5",
)
_VOTE, _ANSWER, _REACTION = "Poll Vote", "Event Response", "Enc Reaction"
_EDITS = {
    "EVENT_EDIT": "Event Edit",
    "MESSAGE_EDIT": "Message Edit",
    "POLL_EDIT": "Poll Edit",
    "POLL_ADD_OPTION": "Poll Add Option",
}


@dataclass(frozen=True, slots=True)
class Target:
    """The message that something is added to.

    Attributes:
        key: names it, as the sender of the add-on sees it.
        author: bare address of who wrote it, of the kind that the chat uses.
        message: what it says, with its secret.
    """

    key: pb.MessageKey
    author: Jid
    message: pb.Message

    @property
    def secret(self) -> bytes:
        """32 bytes.

        Raises:
            InvalidInput: it came without any.
        """
        secret = self.message.messageContextInfo.messageSecret
        if len(secret) != _KEY:
            raise InvalidInput("the message has no secret")
        return secret


def vote(
    target: Target,
    sender: Jid,
    options: Iterable[str],
    t_ms: int,
    random_bytes: RandomBytes = os.urandom,
) -> pb.Message:
    """A vote in a poll; it replaces the sender's one before.

    Args:
        target: the poll.
        sender: bare, of the kind of address that the chat uses.
        options: all that are chosen now.
        t_ms: the time, unix milliseconds.
        random_bytes: for the IV.

    Raises:
        InvalidInput: it is no poll, or has no such option, or no secret.
    """
    chosen, names = list(options), poll_options(target.message)
    if not set(chosen) <= set(names):
        raise InvalidInput("the poll has no such option")
    hashes = [sha256(name.encode()) for name in chosen]
    plain = pb.PollVoteMessage(selectedOptions=hashes).SerializeToString()
    payload, iv = _seal(target, sender, _VOTE, plain, random_bytes)
    update = pb.PollUpdateMessage(
        pollCreationMessageKey=target.key,
        vote=pb.PollEncValue(encPayload=payload, encIv=iv),
        senderTimestampMs=t_ms,
    )
    return pb.Message(pollUpdateMessage=update)


def answer_event(
    target: Target,
    sender: Jid,
    response: str,
    t_ms: int,
    random_bytes: RandomBytes = os.urandom,
) -> pb.Message:
    """An answer to the invitation to an event: "GOING", "NOT_GOING" or "MAYBE"; see `vote`."""
    if response not in ("GOING", "NOT_GOING", "MAYBE"):
        raise InvalidInput("an answer is GOING, NOT_GOING or MAYBE")
    plain = pb.EventResponseMessage(response=response, timestampMs=t_ms).SerializeToString()
    payload, iv = _seal(target, sender, _ANSWER, plain, random_bytes)
    told = pb.EncEventResponseMessage(
        eventCreationMessageKey=target.key, encPayload=payload, encIv=iv
    )
    return pb.Message(encEventResponseMessage=told)


def react_secretly(
    target: Target, sender: Jid, text: str, t_ms: int, random_bytes: RandomBytes = os.urandom
) -> pb.Message:
    """An encrypted reaction, as announcement groups of communities have it; see `vote`."""
    plain = pb.ReactionMessage(text=text, senderTimestampMs=t_ms).SerializeToString()
    payload, iv = _seal(target, sender, _REACTION, plain, random_bytes)
    told = pb.EncReactionMessage(targetMessageKey=target.key, encPayload=payload, encIv=iv)
    return pb.Message(encReactionMessage=told)


def change_secretly(
    target: Target,
    sender: Jid,
    kind: str,
    content: pb.Message,
    random_bytes: RandomBytes = os.urandom,
) -> pb.Message:
    """An encrypted change of one's own message, of a `SecretEncType`; see `vote`."""
    use = _EDITS.get(kind)
    if use is None:
        raise InvalidInput("there is no such encrypted change")
    payload, iv = _seal(target, sender, use, content.SerializeToString(), random_bytes)
    told = pb.SecretEncryptedMessage(
        targetMessageKey=target.key, encPayload=payload, encIv=iv, secretEncType=kind
    )
    return pb.Message(secretEncryptedMessage=told)


def poll_options(message: pb.Message) -> list[str]:
    """The options of a poll.

    Raises:
        InvalidInput: it is none.
    """
    inner = unwrap(message)
    for name in _POLLS:
        if inner.HasField(name):
            return [option.optionName for option in getattr(inner, name).options]
    raise InvalidInput("the message is no poll")


def target_key(message: pb.Message) -> pb.MessageKey | None:
    """The message that an encrypted add-on is for; None when it is no such add-on."""
    inner = unwrap(message)
    if inner.HasField("pollUpdateMessage"):
        return inner.pollUpdateMessage.pollCreationMessageKey
    if inner.HasField("encEventResponseMessage"):
        return inner.encEventResponseMessage.eventCreationMessageKey
    if inner.HasField("encReactionMessage"):
        return inner.encReactionMessage.targetMessageKey
    if inner.HasField("secretEncryptedMessage"):
        return inner.secretEncryptedMessage.targetMessageKey
    return None


def opened(message: pb.Message, targets: Iterable[tuple[Target, Jid]]) -> dict[str, object] | None:
    """What an encrypted add-on says, as JSON values; None when it cannot be read.

    A vote is shown by the names of its options.

    Args:
        message: the add-on.
        targets: what it may be for, with the sender's address of the same kind; tried in turn.
    """
    for target, sender in targets:
        try:
            return _open(unwrap(message), target, sender)
        except (CryptoError, InvalidInput, ProtobufDecodeError):
            continue
    return None


def _open(inner: pb.Message, target: Target, sender: Jid) -> dict[str, object]:
    if inner.HasField("pollUpdateMessage"):
        value = inner.pollUpdateMessage.vote
        plain = _unseal(target, sender, _VOTE, value.encPayload, value.encIv)
        names = {sha256(name.encode()): name for name in poll_options(target.message)}
        chosen = pb.PollVoteMessage.FromString(plain).selectedOptions
        return {"vote": [names[option] for option in chosen if option in names]}
    if inner.HasField("encEventResponseMessage"):
        answer = inner.encEventResponseMessage
        plain = _unseal(target, sender, _ANSWER, answer.encPayload, answer.encIv)
        return _shown(pb.EventResponseMessage.FromString(plain))
    if inner.HasField("encReactionMessage"):
        reaction = inner.encReactionMessage
        plain = _unseal(target, sender, _REACTION, reaction.encPayload, reaction.encIv)
        return _shown(pb.ReactionMessage.FromString(plain))
    change = inner.secretEncryptedMessage
    kind = pb.SecretEncryptedMessage.SecretEncType.Name(change.secretEncType)
    use = _EDITS.get(kind, "")
    plain = _unseal(target, sender, use, change.encPayload, change.encIv)
    return _shown(pb.Message.FromString(plain))


def _shown(message: ProtobufMessage) -> dict[str, object]:
    return dict(MessageToDict(message, preserving_proto_field_name=True))


def _key(target: Target, sender: Jid, use: str) -> bytes:
    info = f"{target.key.id}{target.author.bare}{sender.bare}{use}".encode()
    return hkdf(target.secret, b"", info, _KEY)


def _bound(target: Target, sender: Jid, use: str) -> bytes:
    """What a vote or an answer is bound to beside its key."""
    if use not in (_VOTE, _ANSWER):
        return b""
    return f"{target.key.id}\0{sender.bare}".encode()


def _seal(
    target: Target, sender: Jid, use: str, plain: bytes, random_bytes: RandomBytes
) -> tuple[bytes, bytes]:
    iv = random_bytes(_IV)
    key, bound = _key(target, sender, use), _bound(target, sender, use)
    return aes_gcm_encrypt(key, iv, plain, bound), iv


def _unseal(target: Target, sender: Jid, use: str, payload: bytes, iv: bytes) -> bytes:
    if len(iv) != _IV:
        raise CryptoError("the IV of an add-on has 12 bytes")
    return aes_gcm_decrypt(_key(target, sender, use), iv, payload, _bound(target, sender, use))
