"""What records of the app state do to chats, messages and people in the store.

All of it runs in the caller's transaction, and doing it twice does no harm.

Source: docs/protocol/app-state.md, "Actions" and "Effects".
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from ..appstate import Mutation, Operation, index_parts
from ..appstate.actions import (
    FOREVER,
    Action,
    ArchiveChat,
    ClearChat,
    DeleteChat,
    DeleteMessageForMe,
    MarkChatRead,
    MessageRange,
    MessageRef,
    MuteChat,
    NumberOfLid,
    PinChat,
    PushName,
    SaveContact,
    SaveLidContact,
    StarMessage,
    UnarchiveChats,
    read_action,
)
from ..errors import DecodeError, InvalidInput
from ..model import (
    Ack,
    Chat,
    ChatArchived,
    ChatFlagged,
    ChatRemoved,
    Contact,
    ContactSaved,
    DomainEvent,
    Message,
    MessageDeleted,
    MessageKind,
    MessageStarred,
    SettingChanged,
)
from ..store import UnitOfWork
from ..store.app_state_values import KeptRecord
from ..wire import Jid
from .encryption import learn_mapping
from .fanout import canonical
from .unread import recount

log = logging.getLogger(__name__)

CLEAR_STEP = 500
"""Messages that are removed in one transaction; a larger chat is cleared in several."""

NEWEST = 200
"""Messages of a chat that are looked at when only its older ones were read elsewhere."""

MAX_READ = 1000
"""Messages that are marked as read at once."""

_WAITING = ("star", "deleteMessageForMe")
"""Actions on messages that may come before their message does."""

_CLEARING = ("clearChat", "deleteChat")

_SALT = "nct_salt_sync"

_SHOWN = (MessageKind.TEXT, MessageKind.OTHER)


class Effects:
    """Applies records, one after another.

    Attributes:
        is_renamed: the account has another name now.
        has_rest: a chat is not cleared to its end; `clear_rest` goes on.
    """

    def __init__(self, store: UnitOfWork, emit: Callable[[DomainEvent], object]) -> None:
        self._store = store
        self._emit = emit
        self.is_renamed = False
        self.has_rest = False

    def apply(self, mutation: Mutation) -> None:
        """Do what a record says, or keep it where nothing can be done."""
        action = read_action(mutation)
        try:
            is_done = self._to_chat(action, mutation) or self._to_person(action)
        except InvalidInput as exc:
            # One address that cannot be stored must not hold up all that follows.
            log.warning("a record of the app state has no effect: %s", exc)
            is_done = False
        if not is_done:
            self._keep(mutation)
            is_removal = mutation.operation is Operation.REMOVE
            self._emit(SettingChanged(action, is_removal))

    # --- chats and messages ------------------------------------------------------------------

    def _to_chat(self, action: Action, mutation: Mutation) -> bool:
        match action:
            case ArchiveChat():
                self._archive(action)
            case PinChat(chat, pinned):
                self._flag(self._store.chats.set_flags(self._chat(chat), pinned=pinned))
            case MuteChat():
                until = _muted_until(action)
                chat = self._chat(action.chat)
                self._flag(self._store.chats.set_flags(chat, muted_until=until))
            case MarkChatRead():
                self._mark(action, mutation)
            case StarMessage(message, starred):
                self._star(message, starred, mutation)
            case DeleteMessageForMe(message):
                self._delete(message, mutation)
            case ClearChat() | DeleteChat():
                self._clear(action, mutation)
            case _:
                return False
        return True

    def _chat(self, jid: Jid) -> Jid:
        return canonical(self._store, jid)

    def _flag(self, changed: tuple[Chat, Chat]) -> None:
        before, after = changed
        if before != after:
            self._emit(ChatFlagged(after, before))

    def _archive(self, action: ArchiveChat) -> None:
        chat = self._chat(action.chat)
        if action.archived and self._came_back(chat, action.messages):
            return
        before, after = self._store.chats.set_flags(chat, archived=action.archived)
        if before.archived is not after.archived:
            self._emit(ChatArchived(after, after.archived, before.archived))

    def _came_back(self, chat: Jid, covered: MessageRange | None) -> bool:
        """A message since then has brought the chat back, if that is how the account wants it."""
        if covered is None or not self._is_newer(chat, covered.last_message_s):
            return False
        settings = self._store.app_state.kept("setting_unarchiveChats")
        return any(read_action(each.mutation) == UnarchiveChats(True) for each in settings)

    def _is_newer(self, chat: Jid, than_s: int) -> bool:
        newest = self._store.messages.last(chat)
        return newest is not None and newest.timestamp > than_s

    def _mark(self, action: MarkChatRead, mutation: Mutation) -> None:
        chat = self._chat(action.chat)
        if not action.read:
            self._recount(chat, lambda: self._store.chats.mark_unread(chat))
            return
        covered = action.messages
        # History that comes later must not bring back what was read until then.
        self._store.history.note_read(chat, _until_s(covered, mutation))
        if covered is not None and self._is_newer(chat, covered.last_message_s):
            self._recount(chat, lambda: self._read_until(chat, covered.last_message_s))
        else:
            self._recount(chat, lambda: self._read_all(chat))

    def _read_all(self, chat: Jid) -> None:
        store = self._store
        store.messages.mark_read(store.messages.unread(chat, MAX_READ))
        store.chats.mark_read(chat)

    def _read_until(self, chat: Jid, last_s: int) -> None:
        store = self._store
        stored = store.chats.get(chat)
        if stored is None:
            return
        newest = store.messages.page(chat, NEWEST)
        left = sum(_is_unread(message) for message in newest if message.timestamp > last_s)
        store.messages.mark_read(
            message.key for message in newest if message.timestamp <= last_s and _is_unread(message)
        )
        store.chats.mark_read(chat, max(stored.unread - left, 0))

    def _lower(self, chat: Jid, count: int) -> None:
        """So many messages less are unread; that the chat is marked as unread stays."""
        stored = self._store.chats.get(chat)
        self._store.chats.mark_read(chat, count)
        if stored is not None and stored.marked_unread:
            self._store.chats.mark_unread(chat)

    def _recount(self, chat: Jid, change: Callable[[], object]) -> None:
        recount(self._store, self._emit, chat, change)

    def _star(self, message: MessageRef, starred: bool, mutation: Mutation) -> None:
        chat = self._chat(message.chat)
        if self._store.messages.get(chat, message.id) is None:
            self._wait(message, starred, mutation)
            return
        changed = self._store.messages.star(chat, message.id, starred)
        if changed is not None:
            self._emit(MessageStarred(changed))

    def _delete(self, message: MessageRef, mutation: Mutation) -> None:
        if mutation.operation is Operation.REMOVE:
            self._store.app_state.forget(mutation.index)
            return
        chat = self._chat(message.chat)
        deleted = self._store.messages.delete(chat, message.id)
        if deleted is None:
            self._wait(message, True, mutation)
            return
        self._emit(MessageDeleted(deleted))
        if _is_unread(deleted):
            self._recount(chat, lambda: self._lower(chat, 1))

    def _wait(self, message: MessageRef, is_set: bool, mutation: Mutation) -> None:
        """Keep what speaks of a message that is not here until it comes."""
        if not is_set:
            self._store.app_state.forget(mutation.index)
            return
        name = index_parts(mutation.index)[0]
        self._store.app_state.keep(KeptRecord(name, mutation, message.id))

    def _clear(self, action: ClearChat | DeleteChat, mutation: Mutation) -> None:
        if mutation.operation is Operation.REMOVE:
            self._store.app_state.forget(mutation.index)
            return
        chat = self._chat(action.chat)
        until_s = _until_s(action.messages, mutation)
        is_newer = self._is_newer(chat, until_s)
        stored = self._store.chats.get(chat)
        if not self._clear_step(chat, action, until_s):
            name = index_parts(mutation.index)[0]
            self._store.app_state.keep(KeptRecord(name, mutation, str(chat)))
            self.has_rest = True
        if is_newer:
            self._recount(chat, lambda: self._read_until(chat, until_s))
        elif isinstance(action, ClearChat):
            self._recount(chat, lambda: self._read_all(chat))
        elif stored is not None:
            self._store.chats.unlist(chat)
            self._emit(ChatRemoved(stored))

    def _clear_step(self, chat: Jid, action: ClearChat | DeleteChat, until_s: int) -> bool:
        """Remove some messages; whether nothing is left to be removed."""
        messages = self._store.messages
        removed = messages.clear(
            chat,
            messages.newest(chat),
            until=until_s,
            keep_starred=isinstance(action, ClearChat) and not action.delete_starred,
            limit=CLEAR_STEP,
        )
        return removed < CLEAR_STEP

    def clear_rest(self) -> bool:
        """Go on with chats that are being cleared; whether that is all done now."""
        for name in _CLEARING:
            for kept in self._store.app_state.kept(name):
                action = read_action(kept.mutation)
                if isinstance(action, ClearChat | DeleteChat) and not self._clear_step(
                    self._chat(action.chat), action, _until_s(action.messages, kept.mutation)
                ):
                    return False
                self._store.app_state.forget(kept.mutation.index)
        return True

    # --- people ------------------------------------------------------------------------------

    def _to_person(self, action: Action) -> bool:
        match action:
            case SaveContact():
                self._save_contact(action)
            case SaveLidContact():
                self._name(self._chat(action.lid), action.full_name, action.first_name)
            case NumberOfLid(lid, pn):
                self._learn(pn, lid)
            case PushName(name):
                self._rename(name)
            case _:
                return False
        return True

    def _save_contact(self, action: SaveContact) -> None:
        numbers = (action.user, action.pn)
        pn = next((each for each in numbers if each is not None and each.is_pn), None)
        self._learn(pn, action.user if action.user.is_lid else action.lid)
        self._name(self._chat(action.user), action.full_name, action.first_name)

    def _name(self, person: Jid, full_name: str, first_name: str) -> None:
        if self._store.contacts.set_name(person, full_name, first_name):
            self._emit(ContactSaved(self._store.contacts.get(person) or Contact(person)))

    def _learn(self, pn: Jid | None, lid: Jid | None) -> None:
        if pn is not None and lid is not None and pn.is_pn and lid.is_lid:
            learn_mapping(self._store, pn.bare, lid.bare)

    def _rename(self, name: str) -> None:
        credentials = self._store.devices.get()
        if name and credentials is not None and credentials.push_name != name:
            self._store.devices.save(replace(credentials, push_name=name))
            self.is_renamed = True
            self._emit(SettingChanged(PushName(name)))

    # --- the rest ----------------------------------------------------------------------------

    def _keep(self, mutation: Mutation) -> None:
        try:
            name = index_parts(mutation.index)[0]
        except DecodeError:
            name = ""
        if mutation.operation is Operation.REMOVE:
            self._store.app_state.forget(mutation.index)
            if name == _SALT:
                # What history has told of it is no good any more either.
                self._store.history.keep_many("account", [("salt", b"")])
            return
        self._store.app_state.keep(KeptRecord(name, mutation))


def apply_waiting(
    store: UnitOfWork, message: Message, emit: Callable[[DomainEvent], object]
) -> None:
    """Do to a message that has just come what the app state said about it before."""
    for name in _WAITING:
        for kept in store.app_state.kept(name, message.key.id):
            action = read_action(kept.mutation)
            if not isinstance(action, StarMessage | DeleteMessageForMe):
                continue
            about = action.message
            is_it = canonical(store, about.chat) == message.key.chat
            if is_it and about.from_me is message.key.from_me:
                store.app_state.forget(kept.mutation.index)
                Effects(store, emit).apply(kept.mutation)


def _muted_until(action: MuteChat) -> int:
    """Unix seconds; a mute without an end lasts for ever."""
    if not action.muted:
        return 0
    return action.end_ms // 1000 if action.end_ms > 0 else FOREVER


def _until_s(covered: MessageRange | None, mutation: Mutation) -> int:
    return mutation.timestamp_ms // 1000 if covered is None else covered.last_message_s


def _is_unread(message: Message) -> bool:
    is_open = Ack.PENDING <= message.ack < Ack.READ
    return is_open and not message.key.from_me and message.kind in _SHOWN
