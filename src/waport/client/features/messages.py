"""Sending messages of every kind, and reading those that are stored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from ...errors import InvalidInput, NotAuthorized
from ...model import AddOn, AddOnKind, Message
from ...model.authority import may_pin
from ...model.contents import (
    LIMITS,
    Attendance,
    ChatTimer,
    Content,
    Document,
    Edit,
    Event,
    EventAnswer,
    Image,
    Keep,
    KeepAction,
    Limits,
    Pin,
    PinAction,
    Poll,
    Reaction,
    Revoke,
    SecretEdit,
    Text,
    Video,
    check_content,
    forwarded,
)
from ...stanza.addons import answer_event, cast_vote, seal_edit, seal_reaction
from ...stanza.contents import encode, read_message
from ...stanza.ids import message_id as fresh_id
from ...stanza.tally import OptionTally
from ...store import Database, UnitOfWork
from ...wire import Jid
from .. import addons
from ..compose import (
    NO_OPTIONS,
    Compose,
    Composed,
    Scene,
    SendOptions,
    fresh_info,
    message_of,
)
from ..fanout import canonical
from ..outgoing import Draft
from ..sending import Sender


class Messages:
    """Messages of one account.

    Every method that sends returns the stored message: acknowledged by the server (`ack` SERVER),
    or `pending` if no ack came in time; it is followed up in the background then.

    All of them may raise:
        InvalidInput: the arguments make no sense there.
        NotFound, NotAuthorized, QueryError: the server or the group's rules refuse it.
        QueryTimeout, ConnectionClosed: devices, keys or the group could not be asked for.
        CryptoError: there is no device that could read it.
    """

    def __init__(
        self, database: Database, session_id: str, sender: Sender, limits: Limits = LIMITS
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._sender = sender
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
        """Send a stored message on to another chat, marked and counted as forwarded."""
        source = await self._database.read(
            self._session_id, lambda store: store.messages.get(canonical(store, chat), message_id)
        )
        if source is None or not source.content:
            raise InvalidInput("there is no such message to forward")
        content = forwarded(read_message(source.proto()).content)
        return await self.send(to, content)

    # --- about another message ---------------------------------------------------------------

    async def react(self, chat: Jid, message_id: str, emoji: str) -> Message:
        """React to a message; an empty text takes the reaction back."""

        def compose(scene: Scene) -> Composed:
            message = scene.find(message_id)
            reaction = Reaction(scene.target(message), emoji, _now_ms())
            if scene.group is not None and scene.group.is_default_subgroup:
                return Composed(seal_reaction(reaction, scene.original(message), scene.own_senders))
            return Composed(reaction)

        return await self._send(chat, compose)

    async def edit(self, chat: Jid, message_id: str, content: Content | str) -> Message:
        """Give an own message another content; a text stands for the text or the caption."""

        def compose(scene: Scene) -> Composed:
            message = scene.find(message_id)
            if not message.key.from_me:
                raise InvalidInput("only own messages can be edited")
            changed = _edited(read_message(message.proto()).content, content)
            target = scene.target(message)
            if isinstance(changed, Event):
                return Composed(
                    seal_edit(
                        SecretEdit.EVENT_EDIT,
                        encode(changed),
                        target,
                        scene.original(message),
                        scene.own_senders,
                    )
                )
            return Composed(Edit(target, changed, _now_ms()))

        return await self._send(chat, compose)

    async def revoke(self, chat: Jid, message_id: str) -> Message:
        """Take a message back for everybody: an own one, or as an admin anybody's in a group."""

        def compose(scene: Scene) -> Composed:
            message = scene.store.messages.get(scene.chat, message_id)
            if message is None:
                raise InvalidInput("there is no such message in this chat")
            if not message.key.from_me and not _is_admin(scene):
                raise NotAuthorized(401, "only its author or an admin can take a message back")
            return Composed(Revoke(scene.target(message)))

        return await self._send(chat, compose)

    async def pin(self, chat: Jid, message_id: str, duration_s: int = 604_800) -> Message:
        """Pin a message for everybody in the chat: for a day, a week or 30 days."""
        return await self._pin(chat, message_id, PinAction.PIN, duration_s)

    async def unpin(self, chat: Jid, message_id: str) -> Message:
        """Unpin a message."""
        return await self._pin(chat, message_id, PinAction.UNPIN, 0)

    async def _pin(self, chat: Jid, message_id: str, action: PinAction, duration_s: int) -> Message:
        def compose(scene: Scene) -> Composed:
            group = scene.group
            if group is not None and not may_pin(
                in_group=True,
                is_member=True,
                is_admin=_is_admin(scene),
                members_may_edit=not group.is_locked,
            ):
                raise NotAuthorized(401, "only admins pin in this group")
            message = scene.find(message_id)
            return Composed(Pin(scene.target(message), action, duration_s, _now_ms()))

        return await self._send(chat, compose)

    async def keep(self, chat: Jid, message_id: str, kept: bool = True) -> Message:
        """Keep a disappearing message in the chat for all, or no longer."""
        action = KeepAction.KEEP if kept else KeepAction.UNDO

        def compose(scene: Scene) -> Composed:
            return Composed(Keep(scene.target(scene.find(message_id)), action, _now_ms()))

        return await self._send(chat, compose)

    # --- polls and events --------------------------------------------------------------------

    async def vote(self, chat: Jid, message_id: str, options: Sequence[str]) -> Message:
        """Vote in a poll with all answers that are chosen; none takes the vote back."""

        def compose(scene: Scene) -> Composed:
            message = scene.find(message_id)
            poll = read_message(message.proto()).content
            if not isinstance(poll, Poll):
                raise InvalidInput("the message is no poll")
            vote = cast_vote(
                poll,
                options,
                scene.target(message),
                scene.original(message),
                scene.own_senders,
                timestamp_ms=_now_ms(),
            )
            return Composed(vote)

        return await self._send(chat, compose)

    async def answer_event(
        self, chat: Jid, message_id: str, attendance: Attendance, extra_guests: int = 0
    ) -> Message:
        """Say whether one comes to an event."""

        def compose(scene: Scene) -> Composed:
            message = scene.find(message_id)
            if not isinstance(read_message(message.proto()).content, Event):
                raise InvalidInput("the message is no event")
            answer = EventAnswer(attendance, _now_ms(), extra_guests)
            original = scene.original(message)
            return Composed(
                answer_event(answer, scene.target(message), original, scene.own_senders)
            )

        return await self._send(chat, compose)

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
        return await self._database.read(
            self._session_id,
            lambda store: store.messages.page(canonical(store, chat), limit, before),
        )

    async def get(self, chat: Jid, message_id: str) -> Message | None:
        """A stored message."""
        return await self._database.read(
            self._session_id, lambda store: store.messages.get(canonical(store, chat), message_id)
        )

    async def reactions(self, chat: Jid, message_id: str) -> list[AddOn]:
        """The reactions to a message that stand, in the order in which they came."""

        def job(store: UnitOfWork) -> list[AddOn]:
            message = store.messages.get(canonical(store, chat), message_id)
            if message is None:
                return []
            found = store.add_ons.of(message.key, AddOnKind.REACTION)
            return [reaction for reaction in found if reaction.data]

        return await self._database.read(self._session_id, job)

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

        return await self._database.read(self._session_id, job)

    # --- at the bottom -----------------------------------------------------------------------

    async def _send(
        self, chat: Jid, compose: Compose, options: SendOptions = NO_OPTIONS
    ) -> Message:
        if not (chat.is_user or chat.is_group or chat.is_status or chat.is_newsletter):
            raise InvalidInput("messages go to people, groups, channels and the status feed")
        now = int(time.time())
        draft = Draft(
            chat=chat.bare,
            id=options.message_id or fresh_id(chat.user, now),
            compose=compose,
            now=now,
            audience=options.audience,
            media_id=options.media_id,
            limits=self._limits,
        )
        return await self._sender.send(draft)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _is_admin(scene: Scene) -> bool:
    if scene.group is None:
        return False
    for address in scene.own_senders:
        member = scene.group.member(address)
        if member is not None:
            return member.is_admin
    return False


def _edited(before: Content, content: Content | str) -> Content:
    """The new content of a message."""
    if not isinstance(content, str):
        return content
    if isinstance(before, Text):
        return Text(content)
    if isinstance(before, Image | Video | Document):
        return replace(before, caption=content)
    raise InvalidInput("a message of this kind has no text to edit")
