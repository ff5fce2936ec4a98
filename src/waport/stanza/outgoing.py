"""`<message>` stanzas that we send (docs/protocol/messages.md, "Sending")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import StanzaError
from ..signal import Ciphertext
from ..wire import AttrValue, Jid, Node
from .contents.traits import Traits

Attrs = Mapping[str, AttrValue]

_NO_ATTRS: Attrs = {}


@dataclass(frozen=True, slots=True)
class Copy:
    """One recipient's entry in `<participants>`.

    Attributes:
        to: a device; or a user who is only named, in a status post.
        ciphertext: what the device gets; None for a user who has the sender key already.
        holds_content: it is the message itself, not just a sender key.
    """

    to: Jid
    ciphertext: Ciphertext | None
    holds_content: bool = True


def build_message(
    message_id: str,
    to: Jid,
    copies: Sequence[Copy],
    traits: Traits,
    *,
    device_identity: bytes,
    group_ciphertext: bytes | None = None,
    attrs: Attrs = _NO_ATTRS,
    extra: Sequence[Node] = (),
) -> Node:
    """A message to a person, a group or the status feed.

    Args:
        message_id: see `ids.message_id`.
        to: the chat, bare.
        copies: what single devices get.
        traits: how the stanza of this content looks.
        device_identity: ours; it travels only beside a pkmsg.
        group_ciphertext: what everybody with our sender key reads.
        attrs: `phash`, `addressing_mode`, `peer_recipient_pn` and the like.
        extra: reporting token, trusted-contact token, business nodes.

    Raises:
        StanzaError: nobody would get anything.
    """
    if not copies and group_ciphertext is None:
        raise StanzaError("message", "no device to send to")
    content: list[Node] = []
    if copies:
        entries = [_entry(copy, traits) for copy in copies]
        content.append(Node("participants", {}, entries))
    if any(copy.ciphertext is not None and copy.ciphertext.type == "pkmsg" for copy in copies):
        content.append(Node("device-identity", {}, device_identity))
    if group_ciphertext is not None:
        content.append(_enc("skmsg", group_ciphertext, traits))
    return Node(
        "message", _attrs(message_id, to, traits) | dict(attrs), [*content, *traits.nodes, *extra]
    )


def build_resend(
    message_id: str,
    to: Jid,
    ciphertext: Ciphertext,
    traits: Traits,
    *,
    timestamp: int,
    count: int,
    device_identity: bytes,
    attrs: Attrs = _NO_ATTRS,
) -> Node:
    """The same message once more, for the one device that asked.

    Args:
        to: the device, or the group.
        timestamp: of the original, Unix seconds.
        count: of the retry receipt.
        attrs: `recipient` for an own device, `participant` and `addressing_mode` in a group.
    """
    enc = _enc(ciphertext.type, ciphertext.body, traits)
    enc.attrs["count"] = str(count)
    content = [enc]
    if ciphertext.type == "pkmsg":
        content.append(Node("device-identity", {}, device_identity))
    about: dict[str, AttrValue] = {"t": str(timestamp), "device_fanout": "false"}
    return Node(
        "message",
        _attrs(message_id, to, traits) | about | dict(attrs),
        [*content, *traits.nodes],
    )


def build_post(
    message_id: str, channel: Jid, content: bytes, traits: Traits, *, media_id: str = ""
) -> Node:
    """A post in a channel: not encrypted, not padded.

    Args:
        content: the serialized message; empty takes the post of this id back.
        media_id: the handle of its upload.

    Source: docs/protocol/messages.md, "Newsletter".
    """
    attrs = _attrs(message_id, channel, traits)
    if media_id:
        attrs["media_id"] = media_id
    about: dict[str, AttrValue] = {}
    if traits.media_type is not None:
        about["mediatype"] = traits.media_type
    plaintext = Node("plaintext", about, content) if content else Node("plaintext")
    return Node("message", attrs, [plaintext])


def _attrs(message_id: str, to: Jid, traits: Traits) -> dict[str, AttrValue]:
    attrs: dict[str, AttrValue] = {"id": message_id, "to": to, "type": traits.type}
    if traits.edit is not None:
        attrs["edit"] = traits.edit.value
    return attrs


def _entry(copy: Copy, traits: Traits) -> Node:
    if copy.ciphertext is None:
        return Node("to", {"jid": copy.to})
    enc = _enc(copy.ciphertext.type, copy.ciphertext.body, traits, copy.holds_content)
    return Node("to", {"jid": copy.to}, [enc])


def _enc(kind: str, body: bytes, traits: Traits, holds_content: bool = True) -> Node:
    attrs: dict[str, AttrValue] = {"v": "2", "type": kind}
    if traits.media_type is not None and holds_content:
        attrs["mediatype"] = traits.media_type
    # On sender keys too: a device that fails on its key would show a placeholder.
    if traits.hide:
        attrs["decrypt-fail"] = "hide"
    return Node("enc", attrs, body)
