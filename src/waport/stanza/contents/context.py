"""Context info, message keys and `messageContextInfo`, both ways.

Source: docs/protocol/messages.md, "Content", "Message keys" and "Message secret".
"""

from __future__ import annotations

from typing import Any

from ...model.contents import (
    NO_CONTEXT,
    Association,
    AssociationKind,
    ChannelSource,
    Context,
    Disappearing,
    GroupMention,
    MessageInfo,
    Quote,
    Sealed,
    TargetKey,
    TimerInitiator,
    TimerTrigger,
)
from ...proto import pb
from ...wire import Jid
from ..content import unwrap
from .fields import (
    Field,
    Spec,
    address,
    addresses,
    choice,
    flag,
    group,
    many,
    nested,
    parse_into,
    scalar,
    text,
)

TARGET_KEY = Spec(
    TargetKey,
    pb.MessageKey,
    (
        text("id", "id"),
        address("chat", "remoteJid"),
        scalar("from_me", "fromMe", is_required=True),
        address("participant", "participant"),
    ),
)

NO_TARGET = TargetKey("")


def target(attr: str, name: str) -> Field:
    """The message that another one is about."""
    return nested(attr, name, TARGET_KEY, absent=NO_TARGET)


SEALED = group("sealed", Sealed, (scalar("iv", "encIv"), scalar("payload", "encPayload")))
"""An encrypted add-on beside its target's key."""


def _quoted(attr: str, name: str) -> Field:
    """A quoted message, kept as bytes: it may quote others in turn, without end."""

    def read(part: Any) -> bytes:
        content: bytes = getattr(part, name).SerializePartialToString()
        return content

    def write(part: Any, value: Any) -> None:
        part.ClearField(name)
        if value:
            parse_into(getattr(part, name), value)

    return Field(attr, (name,), read, write)


_QUOTE = group(
    "quote",
    Quote,
    (
        text("id", "stanzaId"),
        address("author", "participant"),
        address("chat", "remoteJid"),
        _quoted("content", "quotedMessage"),
    ),
    key="id",
)

GROUP_MENTION = Spec(
    GroupMention, pb.GroupMention, (address("group", "groupJid"), text("subject", "groupSubject"))
)

DISAPPEARING = Spec(
    Disappearing,
    pb.DisappearingMode,
    (
        choice("initiator", "initiator", TimerInitiator, is_required=True),
        choice("trigger", "trigger", TimerTrigger),
        scalar("by_me", "initiatedByMe"),
    ),
)

_CHANNEL_SOURCE = Spec(
    ChannelSource,
    pb.ContextInfo.ForwardedNewsletterMessageInfo,
    (
        address("channel", "newsletterJid"),
        text("name", "newsletterName"),
        scalar("server_id", "serverMessageId"),
    ),
)

_CONTEXT_INFO = Spec(
    Context,
    pb.ContextInfo,
    (
        _QUOTE,
        addresses("mentions", "mentionedJid"),
        flag("mentions_everyone", "nonJidMentions", 1),
        many("group_mentions", "groupMentions", GROUP_MENTION),
        scalar("is_forwarded", "isForwarded"),
        scalar("forwarding_score", "forwardingScore"),
        nested("forwarded_from", "forwardedNewsletterMessageInfo", _CHANNEL_SOURCE),
        scalar("expiration_s", "expiration"),
        scalar("timer_set_at", "ephemeralSettingTimestamp"),
        nested("disappearing", "disappearingMode", DISAPPEARING),
    ),
)

CONTEXT = nested("context", "contextInfo", _CONTEXT_INFO, absent=NO_CONTEXT)
"""The context info of a content."""

_ASSOCIATION = Spec(
    Association,
    pb.MessageAssociation,
    (
        choice("kind", "associationType", AssociationKind),
        nested("parent", "parentMessageKey", TARGET_KEY),
        scalar("index", "messageIndex"),
    ),
)

MESSAGE_INFO = Spec(
    MessageInfo,
    pb.MessageContextInfo,
    (
        scalar("secret", "messageSecret"),
        scalar("reporting_version", "reportingTokenVersion"),
        scalar("add_on_duration_s", "messageAddOnDurationInSecs"),
        nested("association", "messageAssociation", _ASSOCIATION),
    ),
)


NO_CONTENT = frozenset(
    (
        "messageContextInfo",
        "senderKeyDistributionMessage",
        "fastRatchetKeySenderKeyDistributionMessage",
    )
)
"""Members that accompany a content and are none."""


def quote(content: pb.Message, message_id: str, author: Jid, chat: Jid | None = None) -> Quote:
    """Answer a message.

    Args:
        content: what it says; wrappers, its own context, secret and keys are left out.
        message_id: its stanza id.
        author: who wrote it, in the address kind of the chat.
        chat: where it stands, if that is another chat.

    Raises:
        DecodeError: the content is wrapped deeper than any real message.
    """
    quoted = pb.Message()
    quoted.CopyFrom(unwrap(content))
    is_first = True
    for described, part in quoted.ListFields():
        if described.name in NO_CONTENT or not is_first:
            quoted.ClearField(described.name)
            continue
        is_first = False
        inner = described.message_type
        if inner is not None and "contextInfo" in inner.fields_by_name:
            part.ClearField("contextInfo")
    return Quote(message_id, author.bare, chat, quoted.SerializePartialToString())
