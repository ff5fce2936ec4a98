"""What the admin API needs from the server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from ..errors import InvalidInput
from ..wire import Jid
from .accounts import Account
from .admin_media import MediaServer
from .admin_requests import Refused
from .groups import GroupBook
from .newsletters import Newsletter, NewsletterBook
from .passkeys import Passkeys
from .phone import Phone
from .restrictions import Restrictions
from .wiring import NewsletterParts


class AccountBook(Protocol):
    """The accounts that the server knows."""

    newsletters: NewsletterBook
    groups: GroupBook

    def __iter__(self) -> Iterator[Account]:
        """All of them."""
        ...

    def find(self, text: str) -> Account | None:
        """By phone number, PN JID or LID."""
        ...


class AdminServer(MediaServer, Protocol):
    """The server, as far as its owner has to do with it."""

    @property
    def directory(self) -> AccountBook:
        """The accounts."""
        ...

    @property
    def restrictions(self) -> Restrictions:
        """Who may begin chats with strangers."""
        ...

    @property
    def passkeys(self) -> Passkeys:
        """Which accounts demand a passkey."""
        ...

    @property
    def newsletters(self) -> NewsletterParts:
        """What has to do with channels."""
        ...

    def info(self) -> Mapping[str, object]:
        """The JSON line that the emulator prints when it is ready."""
        ...

    async def create_account(self, phone: str | None, name: str | None) -> Account:
        """Make an account and its phone; InvalidInput when the number is no good."""
        ...

    def phone_of(self, account: Account) -> Phone:
        """The account's phone."""
        ...

    async def account_for_ref(self, ref: str) -> Account:
        """Whose phone is to scan the QR with this reference; NotFound when nobody waits with it."""
        ...

    async def unlink(self, account: Account, device: int | None) -> list[int]:
        """Remove a companion, or all of them; the numbers of those removed."""
        ...

    def arrivals(self, message_id: str | None) -> Iterable[Mapping[str, object]]:
        """The message stanzas that came in, before de-duplication."""
        ...


def account_of(server: AdminServer, text: str) -> Account:
    """An account by number, PN JID or LID.

    Raises:
        Refused: there is none.
    """
    account = server.directory.find(text)
    if account is None:
        raise Refused(404, "no such account")
    return account


def chat_of(server: AdminServer, text: str) -> Jid:
    """A chat: a person by the address that was written, a group, a channel, the status feed.

    Raises:
        Refused: it is none, or there is no such account.
    """
    if text.endswith(("@g.us", "@broadcast", "@newsletter")):
        chat = Jid.parse(text)
        if not (chat.is_group or chat.is_status or chat.is_newsletter):
            raise Refused(404, "no such chat")
        return chat
    account = account_of(server, text)
    return account.lid if text.endswith("@lid") else account.jid


def newsletter_of(server: AdminServer, text: str) -> Newsletter:
    """A channel by JID or invite code.

    Raises:
        Refused: there is none.
    """
    book = server.directory.newsletters
    try:
        found = book.find(Jid.parse(text)) if "@" in text else book.by_invite(text)
    except InvalidInput:
        found = None
    if found is None:
        raise Refused(404, "no such channel")
    return found
