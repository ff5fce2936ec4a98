"""How one message names another."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...wire import Jid


@dataclass(frozen=True, slots=True)
class TargetKey:
    """A message as another message names it, seen by whoever wrote that other one.

    `stanza.contents.keys` turns it into this account's view and back.

    Attributes:
        id: the stanza id.
        chat: the chat; in a private chat the other side, so each side sees another one.
        from_me: the writer of the naming message wrote this one too.
        participant: the author, in groups and status only, and only when not `from_me`.

    Source: docs/protocol/messages.md, "Message keys".
    """

    id: str
    chat: Jid | None = None
    from_me: bool = False
    participant: Jid | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """An add-on encrypted under the secret of its target (see `stanza.addons`).

    Attributes:
        iv: 12 bytes.
        payload: AES-GCM ciphertext and tag.
    """

    iv: bytes = b""
    payload: bytes = field(default=b"", repr=False)
