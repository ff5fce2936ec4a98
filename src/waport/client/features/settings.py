"""What all devices of an account share: flags of chats and messages, names, labels, settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from ...appstate import Operation
from ...appstate.actions import (
    FOREVER,
    Action,
    ArchiveChat,
    ClearChat,
    DeleteChat,
    DeleteMessageForMe,
    EditLabel,
    EditQuickReply,
    LabelChat,
    LockChat,
    MarkChatRead,
    MessageRange,
    MessageRef,
    MuteChat,
    PendingMutation,
    PinChat,
    PushName,
    RangeMessage,
    SaveContact,
    SaveLidContact,
    StarMessage,
    with_side_effects,
    write_action,
)
from ...appstate.actions import read_action as _read_action
from ...errors import InvalidInput, NotFound
from ...model import Message
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..app_state import AppStateSync
from ..fanout import canonical

A = TypeVar("A", bound=Action)

MAX_NAMED = 16
"""Messages of one second that the range of an action names."""

MAX_NAME = 100
"""Characters of a name."""


class Settings:
    """The settings that the devices of one account share.

    Every method that changes something returns as soon as the change is kept and has taken effect
    here; the server gets it after that, if need be after the next login (`settle` waits for it).

    All of them may raise:
        InvalidInput: the arguments make no sense.
        StoreError: nothing is changed.
    """

    def __init__(self, database: Database, session_id: str, sync: AppStateSync) -> None:
        self._database = database
        self._session_id = session_id
        self._sync = sync

    async def settle(self) -> None:
        """Wait until the server has all that was changed here."""
        await self._sync.settle()

    async def write(self, action: Action, *, remove: bool = False) -> None:
        """Write any record of the app state.

        Args:
            remove: take the record away instead; only what it is about counts then.
        """
        operation = Operation.REMOVE if remove else Operation.SET
        await self._change(lambda _store, _now_s: [action], operation)

    # --- chats -------------------------------------------------------------------------------

    async def archive(self, chat: Jid) -> None:
        """Put a chat away; it is not pinned any more."""
        await self._to_chat(chat, lambda jid, newest: ArchiveChat(jid, True, newest))

    async def unarchive(self, chat: Jid) -> None:
        """Bring a chat back."""
        await self._to_chat(chat, lambda jid, newest: ArchiveChat(jid, False, newest))

    async def pin(self, chat: Jid) -> None:
        """Keep a chat on top; it is not archived any more."""
        await self._to_chat(chat, lambda jid, _: PinChat(jid, True))

    async def unpin(self, chat: Jid) -> None:
        """Keep a chat on top no longer."""
        await self._to_chat(chat, lambda jid, _: PinChat(jid, False))

    async def mute(self, chat: Jid, until: int | None = None) -> None:
        """Mute a chat.

        Args:
            until: Unix seconds; None for ever.
        """
        if until is not None and until <= 0:
            raise InvalidInput("a chat is muted until a time, or for ever")
        end_ms = FOREVER if until is None else until * 1000
        await self._to_chat(chat, lambda jid, _: MuteChat(jid, True, end_ms))

    async def unmute(self, chat: Jid) -> None:
        """Mute a chat no longer."""
        await self._to_chat(chat, lambda jid, _: MuteChat(jid, False))

    async def lock(self, chat: Jid, locked: bool = True) -> None:
        """Put a chat behind the phone's lock, or take it out."""
        await self._to_chat(chat, lambda jid, _: LockChat(jid, locked))

    async def mark_read(self, chat: Jid) -> None:
        """Nothing in a chat is unread any more, on any device. The authors are not told."""
        await self._to_chat(chat, lambda jid, newest: MarkChatRead(jid, True, newest))

    async def mark_unread(self, chat: Jid) -> None:
        """Show a chat as unread until it is read."""
        await self._to_chat(chat, lambda jid, newest: MarkChatRead(jid, False, newest))

    async def clear_chat(
        self, chat: Jid, *, keep_starred: bool = False, delete_media: bool = True
    ) -> None:
        """Delete the messages that a chat has now, for this account.

        Args:
            keep_starred: starred messages stay.
            delete_media: phones delete the files, too.
        """
        await self._to_chat(
            chat, lambda jid, newest: ClearChat(jid, not keep_starred, delete_media, newest)
        )

    async def delete_chat(self, chat: Jid, *, delete_media: bool = True) -> None:
        """Delete a chat for this account; it comes back with the next message."""
        await self._to_chat(chat, lambda jid, newest: DeleteChat(jid, delete_media, newest))

    # --- messages ----------------------------------------------------------------------------

    async def star(self, chat: Jid, message_id: str, starred: bool = True) -> None:
        """Star a message, or take the star away.

        Raises:
            NotFound: there is no such message.
        """

        def make(store: UnitOfWork, _: int) -> list[Action]:
            message = _message(store, chat, message_id)
            return [StarMessage(_ref(message), starred)]

        await self._change(make)

    async def delete_for_me(self, chat: Jid, message_id: str, *, delete_media: bool = True) -> None:
        """Delete a message for this account.

        Raises:
            NotFound: there is no such message.
        """

        def make(store: UnitOfWork, _: int) -> list[Action]:
            message = _message(store, chat, message_id)
            return [DeleteMessageForMe(_ref(message), delete_media, message.timestamp)]

        await self._change(make)

    # --- people ------------------------------------------------------------------------------

    async def set_push_name(self, name: str) -> None:
        """Set the name that others see."""
        name = _checked(name)
        await self._change(lambda _store, _now_s: [PushName(name)])

    async def set_contact(
        self, person: Jid, full_name: str, first_name: str = "", *, on_phone: bool = True
    ) -> None:
        """Put a person into the address book, or give them another name there.

        Args:
            on_phone: into that of the phone, too.
        """
        name = _checked(full_name)

        def make(store: UnitOfWork, _: int) -> list[Action]:
            contact = _contact(store, person)
            if isinstance(contact, SaveLidContact):
                return [replace(contact, full_name=name, first_name=first_name)]
            return [replace(contact, full_name=name, first_name=first_name, on_phone=on_phone)]

        await self._change(make)

    async def remove_contact(self, person: Jid) -> None:
        """Take a person out of the address book."""
        await self._change(lambda store, _: [_contact(store, person)], Operation.REMOVE)

    # --- labels and quick replies ------------------------------------------------------------

    async def labels(self) -> list[EditLabel]:
        """All labels that there are."""
        found = await self._kept("label_edit", EditLabel)
        return [label for label in found if not label.deleted]

    async def label_ids_of(self, chat: Jid) -> list[str]:
        """The ids of the labels of a chat."""

        def job(store: UnitOfWork) -> list[str]:
            jid = canonical(store, chat)
            return [
                each.label_id
                for each in _kept(store, "label_jid", LabelChat)
                if each.labeled and canonical(store, each.chat) == jid
            ]

        return await self._database.read(self._session_id, job)

    async def chats_of_label(self, label_id: str) -> list[Jid]:
        """The chats that have a label."""

        def job(store: UnitOfWork) -> list[Jid]:
            return [
                canonical(store, each.chat)
                for each in _kept(store, "label_jid", LabelChat)
                if each.labeled and each.label_id == label_id
            ]

        return await self._database.read(self._session_id, job)

    async def set_label(self, label: EditLabel) -> None:
        """Make a label or change it; with `deleted` it goes away."""
        await self.write(label)

    async def label_chat(self, chat: Jid, label_id: str, labeled: bool = True) -> None:
        """Give a chat a label, or take it away."""
        await self._to_chat(chat, lambda jid, _: LabelChat(label_id, jid, labeled))

    async def quick_replies(self) -> list[EditQuickReply]:
        """All texts that are sent by a shortcut."""
        found = await self._kept("quick_reply", EditQuickReply)
        return [reply for reply in found if not reply.deleted]

    async def set_quick_reply(self, reply: EditQuickReply) -> None:
        """Make a quick reply or change it; with `deleted` it goes away."""
        await self.write(reply)

    # --- how ---------------------------------------------------------------------------------

    async def _to_chat(self, chat: Jid, make: Callable[[Jid, MessageRange], Action]) -> None:
        def actions(store: UnitOfWork, now_s: int) -> Sequence[Action]:
            jid = canonical(store, chat)
            newest = _newest(store, jid, now_s)
            return with_side_effects(make(jid, newest), newest)

        await self._change(actions)

    async def _change(
        self,
        make: Callable[[UnitOfWork, int], Sequence[Action]],
        operation: Operation = Operation.SET,
    ) -> None:
        def changes(store: UnitOfWork, at_ms: int) -> list[PendingMutation]:
            return [
                write_action(action, timestamp_ms=at_ms, operation=operation)
                for action in make(store, at_ms // 1000)
            ]

        await self._sync.write(changes)

    async def _kept(self, name: str, kind: type[A]) -> list[A]:
        return await self._database.read(self._session_id, lambda store: _kept(store, name, kind))


def _kept(store: UnitOfWork, name: str, kind: type[A]) -> list[A]:
    actions = [_read_action(each.mutation) for each in store.app_state.kept(name)]
    return [action for action in actions if isinstance(action, kind)]


def _newest(store: UnitOfWork, chat: Jid, now_s: int) -> MessageRange:
    """All messages that a chat has now.

    Source: docs/protocol/app-state.md, "Message ranges".
    """
    page = store.messages.page(chat, MAX_NAMED)
    if not page:
        return MessageRange(now_s)
    last_s = page[0].timestamp
    named = [RangeMessage(_ref(each), last_s) for each in page if each.timestamp == last_s]
    return MessageRange(last_s, messages=tuple(named))


def _message(store: UnitOfWork, chat: Jid, message_id: str) -> Message:
    message = store.messages.get(canonical(store, chat), message_id)
    if message is None:
        raise NotFound(404, "there is no such message")
    return message


def _ref(message: Message) -> MessageRef:
    key = message.key
    return MessageRef(key.chat, key.id, key.from_me, None if key.from_me else key.sender)


def _contact(store: UnitOfWork, person: Jid) -> SaveContact | SaveLidContact:
    jid = canonical(store, person)
    if jid.is_lid:
        return SaveLidContact(jid)
    if not jid.is_pn:
        raise InvalidInput("only people stand in the address book")
    return SaveContact(jid, lid=store.addresses.lid_of(jid))


def _checked(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidInput(f"a name has 1 to {MAX_NAME} characters")
    return name
