"""Labels, what they are on, and quick replies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...appstate.actions import (
    Action,
    EditLabel,
    EditQuickReply,
    LabelChat,
    LabelMessage,
    OrderLabels,
)
from ...errors import InvalidInput, NotFound
from ...model import MessageKey
from ...store import UnitOfWork
from ...wire import Jid
from ..clock import SYSTEM_CLOCK, Clock
from ..fanout import canonical
from .shared import SharedRecords, kept, known_message

MAX_NAME = 100
"""Characters of a label's name."""

MAX_TEXT = 4096
"""Characters of a quick reply, and of its shortcut."""

MAX_COLOR = 2**31 - 1


class Labels:
    """The labels of one account, and its quick replies.

    Every method that changes something returns as soon as the change is kept and has taken effect
    here; the server gets it after that.

    All of them may raise:
        InvalidInput: the arguments make no sense.
        StoreError: nothing is changed.
    """

    def __init__(self, records: SharedRecords, clock: Clock = SYSTEM_CLOCK) -> None:
        self._records = records
        self._clock = clock

    # --- labels ------------------------------------------------------------------------------

    async def all(self) -> list[EditLabel]:
        """All labels that there are, in their order."""

        def job(store: UnitOfWork) -> list[EditLabel]:
            order = {str(each): at for at, each in enumerate(_order(store))}
            return sorted(_labels(store), key=lambda each: order.get(each.label_id, len(order)))

        return await self._records.read(job)

    async def get(self, label_id: str) -> EditLabel:
        """One label.

        Raises:
            NotFound: there is no such label.
        """
        return await self._records.read(lambda store: _label(store, label_id))

    async def add(self, name: str, color: int = 0) -> EditLabel:
        """Make a label.

        Args:
            color: a number into WhatsApp's palette.
        """
        made = EditLabel("", _checked(name, MAX_NAME), _color(color), is_active=True)

        def make(store: UnitOfWork, _: int) -> list[Action]:
            nonlocal made
            # Of deleted labels, too: their ids are still on chats.
            used = [int(each.label_id) for each in kept(store, EditLabel) if _is_id(each.label_id)]
            made = replace(made, label_id=str(max(used, default=0) + 1))
            return [made]

        await self._records.change(make)
        return made

    async def edit(
        self, label_id: str, *, name: str | None = None, color: int | None = None
    ) -> EditLabel:
        """Change a label; None leaves what is there.

        Raises:
            NotFound: there is no such label.
        """
        new_name = None if name is None else _checked(name, MAX_NAME)
        new_color = None if color is None else _color(color)
        edited = EditLabel(label_id, "")

        def make(store: UnitOfWork, _: int) -> list[Action]:
            nonlocal edited
            found = _label(store, label_id)
            edited = replace(
                found,
                name=found.name if new_name is None else new_name,
                color=found.color if new_color is None else new_color,
            )
            return [edited]

        await self._records.change(make)
        return edited

    async def delete(self, label_id: str) -> None:
        """Remove a label; it is on no chat and no message any more.

        Raises:
            NotFound: there is no such label.
        """
        await self._records.change(
            lambda store, _: [replace(_label(store, label_id), deleted=True)]
        )

    async def reorder(self, label_ids: Sequence[str]) -> None:
        """Put the labels into an order."""
        if not all(_is_id(each) for each in label_ids):
            raise InvalidInput("the id of a label is a number")
        await self._records.write(OrderLabels(tuple(int(each) for each in label_ids)))

    # --- chats -------------------------------------------------------------------------------

    async def of_chat(self, chat: Jid) -> list[EditLabel]:
        """The labels of a chat."""

        def job(store: UnitOfWork) -> list[EditLabel]:
            ids = ids_of_chat(store, chat)
            return [each for each in _labels(store) if each.label_id in ids]

        return await self._records.read(job)

    async def chats(self, label_id: str) -> list[Jid]:
        """The chats that have a label.

        Raises:
            NotFound: there is no such label.
        """

        def job(store: UnitOfWork) -> list[Jid]:
            _label(store, label_id)
            return chats_with(store, label_id)

        return await self._records.read(job)

    async def put_on_chat(self, chat: Jid, label_id: str, labeled: bool = True) -> None:
        """Give a chat a label, or take it away.

        Raises:
            NotFound: there is no such label that could be given.
        """

        def make(store: UnitOfWork, _: int) -> list[Action]:
            if labeled:
                _label(store, label_id)
            jid = canonical(store, chat)
            if labeled:
                return [LabelChat(label_id, jid, True)]
            given = _given(store).get(jid, {}).get(label_id)
            return [LabelChat(label_id, each, False) for each in given or [jid]]

        await self._records.change(make)

    async def set_of_chats(self, chats: Iterable[Jid], label_ids: Iterable[str]) -> None:
        """Let chats have these labels, and no others.

        Raises:
            NotFound: there is no such label.
        """
        wanted, named = set(label_ids), list(chats)

        def make(store: UnitOfWork, _: int) -> list[Action]:
            for label_id in wanted:
                _label(store, label_id)
            actions: list[Action] = []
            given = _given(store)
            for chat in dict.fromkeys(canonical(store, each) for each in named):
                present = given.get(chat, {})
                for label_id in sorted(present.keys() - wanted):
                    actions += [LabelChat(label_id, each, False) for each in present[label_id]]
                for label_id in sorted(wanted - present.keys()):
                    actions.append(LabelChat(label_id, chat, True))
            return actions

        await self._records.change(make)

    # --- messages ----------------------------------------------------------------------------

    async def of_message(self, chat: Jid, message_id: str) -> list[EditLabel]:
        """The labels of a message."""

        def job(store: UnitOfWork) -> list[EditLabel]:
            jid = canonical(store, chat)
            ids = {
                each.label_id
                for each in kept(store, LabelMessage)
                if each.labeled
                and each.message_id == message_id
                and canonical(store, each.chat) == jid
            }
            return [each for each in _labels(store) if each.label_id in ids]

        return await self._records.read(job)

    async def messages(self, label_id: str) -> list[MessageKey]:
        """The messages here that have a label.

        Raises:
            NotFound: there is no such label.
        """

        def job(store: UnitOfWork) -> list[MessageKey]:
            _label(store, label_id)
            found = [
                store.messages.get(canonical(store, each.chat), each.message_id)
                for each in kept(store, LabelMessage)
                if each.label_id == label_id and each.labeled
            ]
            return [message.key for message in found if message is not None]

        return await self._records.read(job)

    async def put_on_message(
        self, chat: Jid, message_id: str, label_id: str, labeled: bool = True
    ) -> None:
        """Give a message a label, or take it away.

        Raises:
            NotFound: there is no such label, or no such message.
        """

        def make(store: UnitOfWork, _: int) -> list[Action]:
            _label(store, label_id)
            key = known_message(store, chat, message_id).key
            return [LabelMessage(label_id, key.chat, key.id, labeled)]

        await self._records.change(make)

    # --- quick replies -----------------------------------------------------------------------

    async def quick_replies(self) -> list[EditQuickReply]:
        """All texts that are sent by a shortcut."""
        found = await self._records.all(EditQuickReply)
        return [reply for reply in found if not reply.deleted]

    async def add_quick_reply(
        self, shortcut: str, message: str, keywords: Sequence[str] = ()
    ) -> EditQuickReply:
        """Make a quick reply."""
        text, short = _checked(message, MAX_TEXT), _checked(shortcut, MAX_TEXT)
        made = EditQuickReply("", short, text, tuple(keywords))

        def make(store: UnitOfWork, now_s: int) -> list[Action]:
            nonlocal made
            taken = {each.reply_id for each in kept(store, EditQuickReply)}
            at = now_s
            while str(at) in taken:
                at += 1
            made = replace(made, reply_id=str(at))
            return [made]

        await self._records.change(make)
        return made

    async def set_quick_reply(self, reply: EditQuickReply) -> None:
        """Change a quick reply, or make one of a given id; with `deleted` it goes away."""
        await self._records.write(reply)

    async def delete_quick_reply(self, reply_id: str) -> None:
        """Remove a quick reply.

        Raises:
            NotFound: there is no such reply.
        """

        def make(store: UnitOfWork, _: int) -> list[Action]:
            for reply in kept(store, EditQuickReply):
                if reply.reply_id == reply_id and not reply.deleted:
                    return [replace(reply, deleted=True)]
            raise NotFound(404, "there is no such quick reply")

        await self._records.change(make)


def ids_of_chat(store: UnitOfWork, chat: Jid) -> set[str]:
    """The ids of the labels of a chat, whether they are still there or not."""
    jid = canonical(store, chat)
    return {
        each.label_id
        for each in kept(store, LabelChat)
        if each.labeled and canonical(store, each.chat) == jid
    }


def chats_with(store: UnitOfWork, label_id: str) -> list[Jid]:
    """The chats that have a label, each once."""
    found = [
        canonical(store, each.chat)
        for each in kept(store, LabelChat)
        if each.label_id == label_id and each.labeled
    ]
    return list(dict.fromkeys(found))


def _given(store: UnitOfWork) -> dict[Jid, dict[str, list[Jid]]]:
    """The labels of all chats, each with the addresses of the chat that it was given by."""
    given: dict[Jid, dict[str, list[Jid]]] = {}
    for each in kept(store, LabelChat):
        if each.labeled:
            labels = given.setdefault(canonical(store, each.chat), {})
            labels.setdefault(each.label_id, []).append(each.chat)
    return given


def _labels(store: UnitOfWork) -> list[EditLabel]:
    return [label for label in kept(store, EditLabel) if not label.deleted]


def _label(store: UnitOfWork, label_id: str) -> EditLabel:
    for label in _labels(store):
        if label.label_id == label_id:
            return label
    raise NotFound(404, "there is no such label")


def _order(store: UnitOfWork) -> tuple[int, ...]:
    found = kept(store, OrderLabels)
    return found[0].label_ids if found else ()


def _is_id(label_id: str) -> bool:
    return label_id.isascii() and label_id.isdigit() and len(label_id) <= 9


def _checked(text: str, limit: int) -> str:
    text = text.strip()
    if not 1 <= len(text) <= limit:
        raise InvalidInput(f"the text has 1 to {limit} characters")
    return text


def _color(color: int) -> int:
    if not 0 <= color <= MAX_COLOR:
        raise InvalidInput("a colour is a number into the palette")
    return color
