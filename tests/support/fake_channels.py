"""Channels of an account without WhatsApp behind it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from waport.errors import InvalidInput, NotFound
from waport.model import Message
from waport.model.business import OrderDetails, OrderItem
from waport.model.newsletter import (
    ChannelPage,
    ChannelPerson,
    ChannelRole,
    DirectoryView,
    Newsletter,
    ReactionMode,
)
from waport.wire import Jid

from .fake_groups import BOB, bytes_of

CHANNEL = Newsletter(
    Jid("120363000000000099", "newsletter"),
    "News",
    description="What is new",
    created_at=1_700_000_000,
    invite="0029VaAbCdEfGhIjKlMnOp",
    subscribers=7,
    role=ChannelRole.OWNER,
)
"""A channel of ours."""


class Account(Protocol):
    """Whose channels they are."""

    calls: list[tuple[object, ...]]
    stored: list[Message]

    def fail(self) -> None:
        """Raise what the test wants raised."""
        ...

    @property
    def messages(self) -> object: ...


@dataclass
class FakeChannelAdmins:
    """Who runs and follows channels."""

    account: Account

    def _call(self, *call: object) -> None:
        self.account.fail()
        self.account.calls.append(call)

    async def invite(self, channel: Jid, person: Jid, comment: str = "") -> Message:
        self._call("invite", channel, person, comment)
        return self.account.stored[0]

    async def accept_invite(self, channel: Jid) -> None:
        self._call("accept", channel)

    async def revoke_invite(self, channel: Jid, person: Jid) -> None:
        self._call("revoke invite", channel, person)

    async def demote(self, channel: Jid, person: Jid) -> None:
        self._call("demote", channel, person)

    async def transfer(self, channel: Jid, person: Jid, *, demote_self: bool = False) -> None:
        self._call("transfer", channel, person, demote_self)

    async def subscribers(self, channel: Jid, limit: int = 1000) -> Sequence[ChannelPerson]:
        self.account.fail()
        return [ChannelPerson(BOB, role=ChannelRole.SUBSCRIBER)][:limit]


@dataclass
class FakeChannelPosts:
    """What is posted: all that the account has stored."""

    account: Account

    async def fetch(self, channel: Jid, limit: int = 50) -> Sequence[Message]:
        self.account.fail()
        return [message for message in self.account.stored if message.key.chat == channel][-limit:]

    async def send_seen(self, channel: Jid) -> int:
        self.account.fail()
        self.account.calls.append(("seen", channel))
        return 0


@dataclass
class FakeChannels:
    """Channels.

    Attributes:
        known: by address; there are no others.
    """

    account: Account
    known: dict[Jid, Newsletter] = field(default_factory=lambda: {CHANNEL.jid: CHANNEL})

    def __post_init__(self) -> None:
        self.admins = FakeChannelAdmins(self.account)
        self.posts = FakeChannelPosts(self.account)

    def _change(self, channel: Jid, *call: object) -> Newsletter:
        self.account.fail()
        if channel not in self.known:
            raise NotFound(404, "item-not-found")
        self.account.calls.append(call)
        return self.known[channel]

    async def info(self, channel: Jid, *, fresh: bool = True) -> Newsletter:
        self.account.fail()
        if channel not in self.known:
            raise NotFound(404, "item-not-found")
        return self.known[channel]

    async def by_invite(self, code: str) -> Newsletter:
        self.account.fail()
        if len(code) < 10:
            raise InvalidInput("no code")
        found = [each for each in self.known.values() if each.invite == code]
        if not found:
            raise NotFound(404, "item-not-found")
        return found[0]

    async def all(self) -> Sequence[Newsletter]:
        self.account.fail()
        return list(self.known.values())

    async def search(self, text: str, *, limit: int = 20, cursor: str = "") -> ChannelPage:
        self.account.calls.append(("search", text, limit))
        return ChannelPage(tuple(self.known.values()))

    async def directory(
        self,
        view: DirectoryView = DirectoryView.RECOMMENDED,
        *,
        limit: int = 20,
        countries: Sequence[str] = (),
    ) -> ChannelPage:
        self.account.calls.append(("directory", view, limit, *countries))
        return ChannelPage(tuple(self.known.values()))

    async def follow(self, channel: Jid) -> Newsletter:
        return self._change(channel, "follow", channel)

    async def unfollow(self, channel: Jid) -> None:
        self._change(channel, "unfollow", channel)

    async def mute(self, channel: Jid) -> None:
        self._change(channel, "mute channel", channel)

    async def unmute(self, channel: Jid) -> None:
        self._change(channel, "unmute channel", channel)

    async def create(
        self, name: str, description: str = "", picture: Path | bytes | None = None
    ) -> Newsletter:
        self.account.fail()
        data = None if picture is None else bytes_of(picture)
        self.account.calls.append(("create channel", name, description, data))
        return replace(CHANNEL, name=name, description=description)

    async def set_name(self, channel: Jid, name: str) -> Newsletter:
        if not name:
            raise InvalidInput("a channel has a name")
        return self._change(channel, "name", channel, name)

    async def set_description(self, channel: Jid, text: str) -> Newsletter:
        return self._change(channel, "description", channel, text)

    async def set_picture(self, channel: Jid, source: Path | bytes) -> Newsletter:
        return self._change(channel, "picture", channel, bytes_of(source))

    async def remove_picture(self, channel: Jid) -> Newsletter:
        return self._change(channel, "no picture", channel)

    async def set_reactions(self, channel: Jid, mode: ReactionMode) -> Newsletter:
        return self._change(channel, "reactions", channel, mode)

    async def delete(self, channel: Jid) -> None:
        self._change(channel, "delete channel", channel)


@dataclass
class FakeBusiness:
    """What businesses sell."""

    account: Account

    async def order(self, order_id: str, token: str) -> OrderDetails:
        self.account.fail()
        item = OrderItem("P1", "Tea", "https://a.example/t.jpg", 2500, "EUR", 2)
        return OrderDetails(order_id, (item,), 5000, 5000, "EUR", 1_700_000_000)


@dataclass
class FakeHistory:
    """What the phone knows: something older of every chat that there is."""

    account: Account

    async def request_older(self, chat: Jid) -> bool:
        self.account.fail()
        if not any(message.key.chat == chat for message in self.account.stored):
            raise InvalidInput("no message of this chat is known")
        self.account.calls.append(("older", chat))
        return True


@contextlib.asynccontextmanager
async def file_of(data: bytes) -> AsyncIterator[Path]:
    """Bytes as a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        yield path
