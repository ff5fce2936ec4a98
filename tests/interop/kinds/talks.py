"""A chat in which Alice and we talk, whatever kind of chat it is."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interop.kinds.world import Person, World
from interop.received import Received
from waport.model import Message, MessageKey
from waport.wire import Jid

PLACES = ("private", "private by number", "group")
"""A private chat goes by hidden id or by phone number; a group goes by hidden ids."""

_numbers = itertools.count(1)


def fresh(what: str) -> str:
    """A text that nobody has written yet."""
    return f"{what} {next(_numbers)}"


@dataclass(frozen=True, slots=True)
class Talk:
    """A chat of Alice and us; in the group Bob reads along.

    Attributes:
        theirs: what Alice sends to.
        ours: what we send to.
    """

    world: World
    theirs: Jid
    ours: Jid

    @classmethod
    def of(cls, world: World, place: str) -> Talk:
        """The chat of that kind."""
        if place == "group":
            return cls(world, world.group, world.group)
        by_number = place == "private by number"
        return cls(world, world.us.jid if by_number else world.us.lid, world.alice.jid)

    @property
    def in_group(self) -> bool:
        """It is the group."""
        return self.ours.is_group

    @property
    def readers(self) -> Sequence[Person]:
        """Everybody who reads what we write."""
        return (self.world.alice, self.world.bob) if self.in_group else (self.world.alice,)

    # --- Alice writes ---

    async def alice_sends(self, content: Mapping[str, Any], **args: Any) -> Received:
        """Send content in Baileys' form."""
        return await self.world.alice.client.send_content(str(self.theirs), content, **args)

    async def alice_writes(self, text: str = "") -> Message:
        """A text of Alice's, as we have it."""
        sent = await self.alice_sends({"text": text or fresh("alice")})
        if self.in_group:
            await self.world.bob.client.wait_message(sent.id)
        return await self.world.us.wait_id(sent.id)

    async def all_read(self) -> None:
        """We have taken in all that Alice has sent so far."""
        await self.alice_writes(fresh("behind it all"))

    # --- we write ---

    async def we_write(self, text: str = "") -> Message:
        """A text of ours, once everybody has it."""
        message = await self.world.us.client.messages.send_text(self.ours, text or fresh("we"))
        for reader in self.readers:
            await reader.client.wait_message(message.key.id)
        return message

    async def stored(self, message: Message | MessageKey) -> Message:
        """One of this chat's messages, as it is stored now."""
        key = message.key if isinstance(message, Message) else message
        found = await self.world.us.client.messages.get(self.ours, key.id)
        assert found is not None
        return found

    def is_ours(self, address: str | None) -> bool:
        """Whether an address is our account's, bare."""
        return address in (str(self.world.us.jid), str(self.world.us.lid))

    def is_alice(self, address: Jid | str | None) -> bool:
        """Whether an address is Alice's, bare."""
        return str(address) in (str(self.world.alice.jid), str(self.world.alice.lid))
