"""Sending messages of every kind, and reading those that are stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from ...errors import InvalidInput
from ...model import AddOn, AddOnKind, Message, MessageKey, MessageKind
from ...model.contents import (
    LIMITS,
    Attendance,
    ChatTimer,
    Content,
    KeepAction,
    Limits,
    PinAction,
    Text,
    check_content,
    forwarded,
)
from ...stanza.contents import read_message
from ...stanza.ids import message_id as fresh_id
from ...stanza.tally import OptionTally
from ...store import Database, UnitOfWork
from ...wire import Jid
from .. import addons, message_lookup
from ..addon_reading import Vote, poll_votes
from ..audience import Audience, Readers
from ..compose import (
    NO_OPTIONS,
    Compose,
    Composed,
    NoSuchMessage,
    SendOptions,
    fresh_info,
    message_of,
)
from ..compose_changes import (
    answer_to,
    edit_of,
    keep_of,
    pin_of,
    reaction_to,
    revoke_of,
    vote_in,
)
from ..derived_ids import derived_ids
from ..fanout import canonical
from ..message_lookup import MessageReceipts
from ..message_status import MessageStatus, status_of
from ..outgoing import Draft
from ..sending import Sender

T = TypeVar("T")


class Messages:
    """Messages of one account.

    Every method that sends returns the stored message: acknowledged by the server (`ack` SERVER),
    or `pending` if no ack came in time; it is followed up in the background then.

    All of them may raise:
        NoSuchMessage: the message that is spoken of is not known.
        InvalidInput: the arguments make no sense there.
        NotFound, NotAuthorized, QueryError: the server or the group's rules refuse it.
        QueryTimeout, ConnectionClosed: devices, keys or the group could not be asked for.
        CryptoError: there is no device that could read it.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        sender: Sender,
        audience: Audience,
        limits: Limits = LIMITS,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._sender = sender
        self._audience = audience
        self._limits = limits

    # --- messages ----------------------------------------------------------------------------

    async def send(self, chat: Jid, content: Content, options: SendOptions = NO_OPTIONS) -> Message:
        """Send a content to a person, a group, a channel or the status feed."""
        check_content(content, self._limits)
        return await self._send(chat, message_of(content, options), options)

    async def send_text(
        self,
        chat: Jid,
        text: str,
        *,
        mentions: Sequence[Jid] = (),
        quoted_id: str | None = None,
    ) -> Message:
        """Send a text of at most 65536 characters.

        Args:
            mentions: people named in the text.
            quoted_id: the stored message that this one answers; an unknown one is ignored.
        """
        options = SendOptions(quoted_id=quoted_id, mentions=tuple(mentions))
        return await self.send(chat, Text(text), options)

    async def forward(self, chat: Jid, message_id: str, to: Jid) -> Message:
        """Send a stored message on to another chat, counted as forwarded unless it is an own one.

        Raises:
            InvalidInput: messages of this kind can't be forwarded there.
        """
        source = await self.get(chat, message_id)
        if source is None or not source.content:
            raise NoSuchMessage
        content = forwarded(read_message(source.proto()).content, is_own=source.key.from_me)
        message_lookup.check_file_for(content, to)
        return await self.send(to, content)

    # --- about another message ---------------------------------------------------------------

    async def react(self, chat: Jid, message_id: str, emoji: str) -> Message:
        """React to a message; an empty text takes the reaction back."""
        compose = reaction_to(message_id, emoji)
        if not chat.is_status:
            return await self._send(chat, compose)
        # Nobody but its author learns who likes a status.
        message = await self.get(chat, message_id)
        if message is None:
            raise NoSuchMessage
        return await self._send(chat, compose, direct_to=message.key.sender)

    async def edit(self, chat: Jid, message_id: str, content: Content | str) -> Message:
        """Give an own message another content; a text stands for the text or the caption."""
        return await self._change(chat, message_id, edit_of(message_id, content))

    async def revoke(self, chat: Jid, message_id: str) -> Message:
        """Take a message back for everybody.

        An own one; as an admin of a group or channel anybody's there.
        """
        return await self._change(chat, message_id, revoke_of(message_id))

    async def pin(self, chat: Jid, message_id: str, duration_s: int = 604_800) -> Message:
        """Pin a message for everybody in the chat: for a day, a week or 30 days."""
        return await self._send(chat, pin_of(message_id, PinAction.PIN, duration_s))

    async def unpin(self, chat: Jid, message_id: str) -> Message:
        """Unpin a message."""
        return await self._send(chat, pin_of(message_id, PinAction.UNPIN, 0))

    async def keep(self, chat: Jid, message_id: str, kept: bool = True) -> Message:
        """Keep a disappearing message in the chat for all, or no longer."""
        action = KeepAction.KEEP if kept else KeepAction.UNDO
        return await self._send(chat, keep_of(message_id, action))

    # --- polls and events --------------------------------------------------------------------

    async def vote(self, chat: Jid, message_id: str, options: Sequence[str]) -> Message:
        """Vote in a poll with all answers that are chosen; none takes the vote back."""
        return await self._send(chat, vote_in(message_id, options))

    async def answer_event(
        self, chat: Jid, message_id: str, attendance: Attendance, extra_guests: int = 0
    ) -> Message:
        """Say whether one comes to an event."""
        return await self._send(chat, answer_to(message_id, attendance, extra_guests))

    # --- about the chat ----------------------------------------------------------------------

    async def set_timer(self, chat: Jid, seconds: int) -> Message:
        """Set the timer of a private chat's messages: 0, a day, a week or 90 days.

        A group's is a property of the group (`groups.set_timer`).
        """
        if not chat.is_user:
            raise InvalidInput("the timer of a group is set in the group")
        now = int(time.time())
        return await self._send(chat, lambda _: Composed(ChatTimer(seconds, now), fresh_info()))

    # --- reading -----------------------------------------------------------------------------

    async def fetch(self, chat: Jid, limit: int, before: str | None = None) -> list[Message]:
        """Stored messages of a chat, newest first.

        Args:
            limit: how many at most.
            before: the id of a message; older ones follow. An unknown id is ignored.
        """
        return await self._read(
            lambda store: store.messages.page(canonical(store, chat), limit, before)
        )

    async def page(
        self, chat: Jid, limit: int, place: tuple[int, int] | None = None
    ) -> list[Message]:
        """Stored messages of a chat, newest first.

        Args:
            limit: how many at most.
            place: timestamp and `seq` of a message, which need not be there any more; older ones
                follow.
        """
        return await self._read(
            lambda store: store.messages.page_behind(canonical(store, chat), limit, place)
        )

    async def notices(self, chat: Jid, limit: int) -> list[Message]:
        """What a chat shows of its group between the messages, newest first; see `Message.notice`.

        Args:
            limit: how many at most.
        """
        return await self._read(lambda store: store.messages.notices(canonical(store, chat), limit))

    async def get(self, chat: Jid, message_id: str) -> Message | None:
        """A stored message."""
        return await self._read(
            lambda store: store.messages.get(canonical(store, chat), message_id)
        )

    async def find(self, chats: Iterable[Jid], ids: Iterable[str]) -> Message | None:
        """A stored message by what may be its id; see `message_lookup.find`."""
        return await self._read(lambda store: message_lookup.find(store, chats, ids))

    async def quoted(self, message: Message) -> Message | None:
        """The message that another one answers; see `message_lookup.quoted`."""
        return await self._read(lambda store: message_lookup.quoted(store, message))

    async def receipts(self, message: Message) -> MessageReceipts:
        """Who got, read and played a message of ours."""
        return await self._read(lambda store: message_lookup.receipts(store, message))

    async def status(self, chats: Iterable[Jid], ids: Iterable[str]) -> MessageStatus | None:
        """How far a message of ours has come; see `message_status.status_of`."""
        return await self._read(lambda store: status_of(store, chats, ids))

    async def reactions(self, chat: Jid, message_id: str) -> list[AddOn]:
        """The reactions to a message that stand, in the order in which they came."""

        def job(store: UnitOfWork) -> list[AddOn]:
            message = store.messages.get(canonical(store, chat), message_id)
            if message is None:
                return []
            found = store.add_ons.of(message.key, AddOnKind.REACTION)
            return [reaction for reaction in found if reaction.data]

        return await self._read(job)

    async def reacted(self, messages: Iterable[Message]) -> frozenset[MessageKey]:
        """Which of these messages have a reaction that stands."""
        return await self._read(lambda store: message_lookup.reacted(store, messages))

    async def tally(self, chat: Jid, message_id: str) -> tuple[OptionTally, ...]:
        """The votes of a poll, for every answer.

        Raises:
            InvalidInput: there is no such poll.
        """

        def job(store: UnitOfWork) -> tuple[OptionTally, ...]:
            message = store.messages.get(canonical(store, chat), message_id)
            if message is None:
                raise InvalidInput("there is no such poll")
            return addons.poll_tally(store, message)

        return await self._read(job)

    async def votes(self, message: Message) -> list[Vote]:
        """The latest vote of everybody who has voted in a poll.

        Raises:
            InvalidInput: it is no poll.
        """
        return await self._read(lambda store: poll_votes(store, message))

    # --- at the bottom -----------------------------------------------------------------------

    async def _read(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.read(self._session_id, job)

    async def _change(self, chat: Jid, message_id: str, compose: Compose) -> Message:
        """Edit or take back. In a channel that has no message of its own: it is the post's."""
        if not chat.is_newsletter:
            return await self._send(chat, compose)
        return await self._send(chat, compose, SendOptions(message_id=message_id))

    async def _send(
        self,
        chat: Jid,
        compose: Compose,
        options: SendOptions = NO_OPTIONS,
        direct_to: Jid | None = None,
    ) -> Message:
        if not (chat.is_user or chat.is_group or chat.is_status or chat.is_newsletter):
            raise InvalidInput("messages go to people, groups, channels and the status feed")
        readers = Readers(options.audience, "allowlist" if options.audience else "contacts")
        if chat.is_status and not options.audience and direct_to is None:
            readers = await self._audience.readers()
        now = int(time.time())
        message_id, sent = await self._named(chat.bare, options)
        if sent is not None:
            return sent
        draft = Draft(
            chat=chat.bare,
            id=message_id or fresh_id(chat.user, now),
            compose=compose,
            now=now,
            audience=readers,
            direct_to=direct_to,
            media_id=options.media_id,
            limits=self._limits,
        )
        return await self._published(chat, await self._sender.send(draft))

    async def _named(self, chat: Jid, options: SendOptions) -> tuple[str | None, Message | None]:
        """The id for a message, and the message if it was sent under that before."""
        ids = derived_ids()
        if options.message_id is not None or ids is None:
            return options.message_id, None
        message_id = ids.next(chat)
        if message_id is None or not ids.is_repeat:
            return message_id, None
        # Behind whatever is handed in already: the first try may be about to be committed.
        sent = await self._database.write(
            self._session_id, lambda store: store.messages.get(canonical(store, chat), message_id)
        )
        if sent is None or not sent.key.from_me:
            return message_id, None
        return message_id, await self._published(chat, await self._sender.follow(sent))

    async def _published(self, chat: Jid, message: Message) -> Message:
        if not chat.is_newsletter and message.kind is not MessageKind.ADD_ON:
            return message
        # Behind the transaction in which the ack takes effect: a post has its number then, and
        # what the message changes is changed.
        key = message.key
        kept = await self._database.write(
            self._session_id, lambda store: store.messages.get(key.chat, key.id)
        )
        return message if kept is None else kept.with_ack(max(kept.ack, message.ack))
