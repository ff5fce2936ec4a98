"""What all devices of an account share: flags of chats and messages, names, settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ...appstate import Operation
from ...appstate.actions import (
    FOREVER,
    Action,
    ArchiveChat,
    ClearChat,
    DeleteChat,
    DeleteMessageForMe,
    EditLabel,
    Favorites,
    LinkPreviews,
    LockChat,
    MarkChatRead,
    MessageRange,
    MuteChat,
    MuteStatus,
    PinChat,
    PushName,
    RelayCalls,
    SaveContact,
    SaveLidContact,
    StarMessage,
    TimeFormat,
    UnarchiveChats,
    UnknownAction,
    read_action,
    with_side_effects,
)
from ...errors import InvalidInput
from ...store import UnitOfWork
from ...wire import Jid
from ..fanout import canonical
from .labels import Labels, chats_with, ids_of_chat
from .shared import A, SharedRecords, kept, known_message, newest_range, ref_of

MAX_NAME = 100
"""Characters of a name."""

MAX_FAVORITES = 1000


class Settings:
    """The settings that the devices of one account share.

    Every method that changes something returns as soon as the change is kept and has taken effect
    here; the server gets it after that, if need be after the next login (`settle` waits for it).

    All of them may raise:
        InvalidInput: the arguments make no sense.
        StoreError: nothing is changed.
    """

    def __init__(self, records: SharedRecords, labels: Labels) -> None:
        self._records = records
        self._labels = labels

    async def settle(self) -> None:
        """Wait until the server has all that was changed here."""
        await self._records.settle()

    async def write(self, action: Action, *, remove: bool = False) -> None:
        """Write any record of the app state.

        Args:
            remove: take the record away instead; only what it is about counts then.
        """
        operation = Operation.REMOVE if remove else Operation.SET
        await self._records.change(lambda _store, _now_s: [action], operation)

    async def records(self, kind: type[A]) -> list[A]:
        """All records of a kind that no other part of this library reads.

        Args:
            kind: such as `TimeFormat`, `StatusPrivacy` or `PrimaryFeatures`.
        """
        return await self._records.all(kind)

    async def unknown(self) -> list[UnknownAction]:
        """The records that this version cannot read, as they came."""

        def job(store: UnitOfWork) -> list[UnknownAction]:
            actions = (read_action(each.mutation) for each in store.app_state.all_kept())
            return [action for action in actions if isinstance(action, UnknownAction)]

        return await self._records.read(job)

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

    async def locked_chats(self) -> list[Jid]:
        """The chats that are behind the phone's lock."""

        def job(store: UnitOfWork) -> list[Jid]:
            return [canonical(store, each.chat) for each in kept(store, LockChat) if each.locked]

        return await self._records.read(job)

    async def favorites(self) -> list[Jid]:
        """The favourite chats, in order."""

        def job(store: UnitOfWork) -> list[Jid]:
            found = kept(store, Favorites)
            return [canonical(store, chat) for chat in found[0].chats] if found else []

        return await self._records.read(job)

    async def set_favorites(self, chats: Sequence[Jid]) -> None:
        """Let these be the favourite chats, in this order."""
        if len(chats) > MAX_FAVORITES:
            raise InvalidInput(f"there are at most {MAX_FAVORITES} favourites")
        await self._records.write(Favorites(tuple(dict.fromkeys(chat.bare for chat in chats))))

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
            message = known_message(store, chat, message_id)
            return [StarMessage(ref_of(message), starred)]

        await self._records.change(make)

    async def delete_for_me(self, chat: Jid, message_id: str, *, delete_media: bool = True) -> None:
        """Delete a message for this account.

        Raises:
            NotFound: there is no such message.
        """

        def make(store: UnitOfWork, _: int) -> list[Action]:
            message = known_message(store, chat, message_id)
            return [DeleteMessageForMe(ref_of(message), delete_media, message.timestamp)]

        await self._records.change(make)

    # --- people ------------------------------------------------------------------------------

    async def set_push_name(self, name: str) -> None:
        """Set the name that others see."""
        name = _checked(name)
        await self._records.change(lambda _store, _now_s: [PushName(name)])

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

        await self._records.change(make)

    async def remove_contact(self, person: Jid) -> None:
        """Take a person out of the address book."""
        await self._records.change(lambda store, _: [_contact(store, person)], Operation.REMOVE)

    async def mute_status(self, person: Jid, muted: bool = True) -> None:
        """Hide a person's status posts, or show them again."""

        def make(store: UnitOfWork, _: int) -> list[Action]:
            jid = canonical(store, person)
            if not jid.is_user:
                raise InvalidInput("only people have a status")
            return [MuteStatus(store.addresses.lid_of(jid) or jid, muted)]

        await self._records.change(make)

    async def muted_statuses(self) -> list[Jid]:
        """The people whose status posts are hidden."""

        def job(store: UnitOfWork) -> list[Jid]:
            return [canonical(store, each.user) for each in kept(store, MuteStatus) if each.muted]

        return await self._records.read(job)

    # --- settings ----------------------------------------------------------------------------

    async def is_24_hours(self) -> bool:
        """Whether times are shown with 24 hours."""
        found = await self._records.one(TimeFormat)
        return found is not None and found.is_24_hours

    async def set_24_hours(self, enabled: bool) -> None:
        """Show times with 24 hours, or with twelve."""
        await self._records.write(TimeFormat(enabled))

    async def unarchives_chats(self) -> bool:
        """Whether a new message brings an archived chat back."""
        found = await self._records.one(UnarchiveChats)
        return found is not None and found.enabled

    async def set_unarchive_chats(self, enabled: bool) -> None:
        """Let a new message bring an archived chat back, or not."""
        await self._records.write(UnarchiveChats(enabled))

    async def has_link_previews(self) -> bool:
        """Whether links get a preview."""
        found = await self._records.one(LinkPreviews)
        return found is None or not found.disabled

    async def set_link_previews(self, enabled: bool) -> None:
        """Let links have a preview, or none."""
        await self._records.write(LinkPreviews(not enabled))

    async def relays_calls(self) -> bool:
        """Whether calls go over WhatsApp's servers, so that nobody learns the address."""
        found = await self._records.one(RelayCalls)
        return found is not None and found.enabled

    async def set_relay_calls(self, enabled: bool) -> None:
        """Let calls go over WhatsApp's servers, or directly."""
        await self._records.write(RelayCalls(enabled))

    # --- labels: see `Labels` ----------------------------------------------------------------

    async def labels(self) -> list[EditLabel]:
        """All labels that there are."""
        return await self._labels.all()

    async def label_ids_of(self, chat: Jid) -> list[str]:
        """The ids of the labels of a chat."""
        return sorted(await self._records.read(lambda store: ids_of_chat(store, chat)))

    async def chats_of_label(self, label_id: str) -> list[Jid]:
        """The chats that have a label."""
        return await self._records.read(lambda store: chats_with(store, label_id))

    async def label_chat(self, chat: Jid, label_id: str, labeled: bool = True) -> None:
        """Give a chat a label, or take it away.

        Raises:
            NotFound: there is no such label that could be given.
        """
        await self._labels.put_on_chat(chat, label_id, labeled)

    # --- how ---------------------------------------------------------------------------------

    async def _to_chat(self, chat: Jid, make: Callable[[Jid, MessageRange], Action]) -> None:
        def actions(store: UnitOfWork, now_s: int) -> Sequence[Action]:
            jid = canonical(store, chat)
            newest = newest_range(store, jid, now_s)
            return with_side_effects(make(jid, newest), newest)

        await self._records.change(actions)


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
