"""Groups and chats of an account without WhatsApp behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from waport.appstate.actions import EditLabel
from waport.errors import NotFound, WhatsAppError
from waport.model import AddressingMode, Chat, ChatSummary, Group, GroupMember, MemberRole
from waport.model.group import (
    PLAIN_GROUP,
    CreatedGroup,
    GroupInvitation,
    GroupOptions,
    Joined,
    JoinRequest,
    ParticipantResult,
)
from waport.wire import Jid

OWN = Jid("15550001111", "s.whatsapp.net")
BOB = Jid("15552223333", "s.whatsapp.net")
BOB_LID = Jid("99002223333", "lid")
CREATED = 1_700_000_000
GROUP = Group(
    Jid("120363000000000001", "g.us"),
    subject="Friends",
    subject_at=CREATED + 1,
    created_at=CREATED,
    creator=OWN,
    addressing=AddressingMode.LID,
    members=(
        GroupMember(Jid("99000001111", "lid"), OWN, role=MemberRole.SUPERADMIN),
        GroupMember(BOB_LID, BOB, BOB_LID),
    ),
    size=2,
)
"""A group of ours with Bob."""


class Account(Protocol):
    """Whose groups and chats they are."""

    calls: list[tuple[object, ...]]
    seen_error: WhatsAppError | None

    def fail(self) -> None:
        """Raise what the test wants raised."""
        ...


@dataclass
class FakeGroups:
    """Groups that the account is in.

    Attributes:
        known: by address; `info` knows no other one.
        results: what comes of people; of everybody else: done.
        joined: what comes of joining.
        requests: who waits to be let in.
        options: those of the last group that was made.
    """

    account: Account
    known: dict[Jid, Group] = field(default_factory=lambda: {GROUP.jid: GROUP})
    results: dict[Jid, ParticipantResult] = field(default_factory=dict)
    joined: Joined = field(default_factory=lambda: Joined(GROUP.jid))
    requests: tuple[JoinRequest, ...] = ()
    options: GroupOptions = PLAIN_GROUP

    def _call(self, *call: object) -> None:
        self.account.fail()
        self.account.calls.append(call)

    async def ensure(self, groups: Iterable[Jid]) -> None:
        self._call("ensure", *groups)

    async def info(self, group: Jid, *, fresh: bool = False) -> Group:
        self.account.fail()
        if group not in self.known:
            raise NotFound(404, "item-not-found")
        return self.known[group]

    async def listed(self) -> Sequence[Group]:
        return list(self.known.values())

    async def create(
        self, subject: str, members: Iterable[Jid], options: GroupOptions = PLAIN_GROUP
    ) -> CreatedGroup:
        people = tuple(members)
        self._call("create", subject, *people)
        self.options = options
        return CreatedGroup(replace(GROUP, subject=subject), self._results(people))

    def _results(self, people: Iterable[Jid]) -> tuple[ParticipantResult, ...]:
        return tuple(self.results.get(jid, ParticipantResult(jid)) for jid in people)

    def _change(self, what: str, group: Jid, people: Iterable[Jid]) -> Sequence[ParticipantResult]:
        people = tuple(people)
        self._call(what, group, *people)
        return self._results(people)

    async def add(self, group: Jid, members: Iterable[Jid]) -> Sequence[ParticipantResult]:
        return self._change("add", group, members)

    async def remove(self, group: Jid, members: Iterable[Jid]) -> Sequence[ParticipantResult]:
        return self._change("remove", group, members)

    async def promote(self, group: Jid, members: Iterable[Jid]) -> Sequence[ParticipantResult]:
        return self._change("promote", group, members)

    async def demote(self, group: Jid, members: Iterable[Jid]) -> Sequence[ParticipantResult]:
        return self._change("demote", group, members)

    async def set_subject(self, group: Jid, subject: str) -> None:
        self._call("subject", group, subject)

    async def set_description(self, group: Jid, text: str) -> None:
        self._call("description", group, text)

    async def set_announcement(self, group: Jid, only_admins: bool) -> None:
        self._call("announcement", group, only_admins)

    async def set_locked(self, group: Jid, only_admins: bool) -> None:
        self._call("locked", group, only_admins)

    async def set_member_add_mode(self, group: Jid, only_admins: bool) -> None:
        self._call("add mode", group, only_admins)

    async def set_picture(self, group: Jid, source: Path | bytes) -> None:
        self._call("picture", group, bytes_of(source))

    async def remove_picture(self, group: Jid) -> None:
        self._call("no picture", group)

    async def leave(self, group: Jid) -> None:
        self._call("leave", group)

    async def invite_code(self, group: Jid) -> str:
        self._call("code", group)
        return "AbCdEfGhIjKlMnOpQrStUv"

    async def reset_invite_code(self, group: Jid) -> str:
        self._call("reset", group)
        return "NewCodeNewCodeNewCodeN"

    async def invite_info(self, code: str | GroupInvitation) -> Group:
        self._call("look", code)
        return GROUP

    async def join(self, code: str) -> Joined:
        self._call("join", code)
        return self.joined

    async def join_requests(self, group: Jid) -> Sequence[JoinRequest]:
        self._call("requests", group)
        return self.requests

    async def decide_requests(
        self, group: Jid, people: Iterable[Jid], *, approve: bool
    ) -> Sequence[ParticipantResult]:
        return self._change("approve" if approve else "reject", group, people)


def bytes_of(source: Path | bytes) -> bytes:
    """A picture as it came."""
    return source if isinstance(source, bytes) else source.read_bytes()


@dataclass
class FakeChats:
    """Chats; with a person there always is one.

    Attributes:
        listed: in order.
    """

    account: Account
    listed: list[ChatSummary] = field(default_factory=list)

    async def all(self) -> Sequence[ChatSummary]:
        return self.listed

    async def get(self, chat: Jid) -> ChatSummary:
        for summary in self.listed:
            if summary.chat.jid == chat:
                return summary
        if not chat.is_user:
            raise NotFound(404, "there is no such chat")
        return ChatSummary(Chat(chat))

    async def send_seen(self, chat: Jid, *, privately: bool | None = None) -> int:
        self.account.calls.append(("seen", chat))
        if self.account.seen_error is not None:
            raise self.account.seen_error
        return 0


@dataclass
class FakePresence:
    """What others see the account do."""

    account: Account

    async def available(self) -> None:
        self.account.fail()
        self.account.calls.append(("available",))

    async def unavailable(self) -> None:
        self.account.fail()
        self.account.calls.append(("unavailable",))

    async def composing(self, chat: Jid) -> None:
        self.account.fail()
        self.account.calls.append(("composing", chat))

    async def recording(self, chat: Jid) -> None:
        self.account.calls.append(("recording", chat))

    async def paused(self, chat: Jid) -> None:
        self.account.calls.append(("paused", chat))


@dataclass
class FakeChatSettings:
    """Flags and labels of chats.

    Attributes:
        all_labels: of the account.
        labels_of: the ids of a chat's labels.
    """

    account: Account
    all_labels: list[EditLabel] = field(default_factory=list)
    labels_of: dict[Jid, list[str]] = field(default_factory=dict)

    def _call(self, *call: object) -> None:
        self.account.fail()
        self.account.calls.append(call)

    async def archive(self, chat: Jid) -> None:
        self._call("archive", chat)

    async def unarchive(self, chat: Jid) -> None:
        self._call("unarchive", chat)

    async def pin(self, chat: Jid) -> None:
        self._call("pin", chat)

    async def unpin(self, chat: Jid) -> None:
        self._call("unpin", chat)

    async def mute(self, chat: Jid, until: int | None = None) -> None:
        self._call("mute", chat, until)

    async def unmute(self, chat: Jid) -> None:
        self._call("unmute", chat)

    async def mark_read(self, chat: Jid) -> None:
        self._call("mark read", chat)

    async def mark_unread(self, chat: Jid) -> None:
        self._call("mark unread", chat)

    async def clear_chat(self, chat: Jid, *, delete_media: bool = True) -> None:
        self._call("clear with files" if delete_media else "clear", chat)

    async def delete_chat(self, chat: Jid) -> None:
        self._call("delete chat", chat)

    async def labels(self) -> Sequence[EditLabel]:
        return self.all_labels

    async def label_chat(self, chat: Jid, label_id: str, labeled: bool = True) -> None:
        self._call("label" if labeled else "unlabel", chat, label_id)

    async def chats_of_label(self, label_id: str) -> Sequence[Jid]:
        return [chat for chat, ids in self.labels_of.items() if label_id in ids]

    async def label_ids_of(self, chat: Jid) -> Sequence[str]:
        return self.labels_of.get(chat, [])
