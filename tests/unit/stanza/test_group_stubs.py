"""The notice of every change, by WhatsApp's numbers."""

from __future__ import annotations

import json

import pytest

from waport.model import Ack, Message, MessageKey, MessageKind
from waport.model.group import GroupChange, GroupChangeKind
from waport.model.notice import Notice
from waport.proto import pb
from waport.stanza.group_stubs import notice_of
from waport.wire import Jid

Kind = GroupChangeKind
GROUP = Jid("120363000000000001", "g.us")
ANN, ANN_LID = Jid("15550001111", "s.whatsapp.net"), Jid("100000000000001", "lid")
BOB, BOB_LID = Jid("15550002222", "s.whatsapp.net"), Jid("100000000000002", "lid")
ANN_JSON = '{"id":"100000000000001@lid","phoneNumber":"15550001111@s.whatsapp.net","admin":null}'


def about(kind: GroupChangeKind, reason: str = "", detail: str = "") -> GroupChange:
    return GroupChange(kind, (ANN_LID,), (ANN,), reason=reason, detail=detail)


def other(tag: str, enabled: bool = False) -> GroupChange:
    return GroupChange(Kind.OTHER, text=tag, enabled=enabled)


@pytest.mark.parametrize(
    ("change", "number", "parameters"),
    [
        (GroupChange(Kind.CREATE, text="Name"), 20, ["Name"]),
        (GroupChange(Kind.SUBJECT, text="Name"), 21, ["Name"]),
        (GroupChange(Kind.PICTURE, text="17", enabled=True), 22, ["17"]),
        (GroupChange(Kind.PICTURE), 22, []),
        (GroupChange(Kind.INVITE_CODE, text="Code"), 23, ["Code"]),
        (GroupChange(Kind.DESCRIPTION, text="Text"), 24, ["Text"]),
        (GroupChange(Kind.DESCRIPTION), 24, []),
        (GroupChange(Kind.LOCKED, enabled=True), 25, ["on"]),
        (GroupChange(Kind.ANNOUNCEMENT), 26, ["off"]),
        (about(Kind.ADD), 27, [ANN_JSON]),
        (about(Kind.ADD, "auto_add"), 27, [ANN_JSON]),
        (about(Kind.REMOVE), 28, [ANN_JSON]),
        (about(Kind.PROMOTE), 29, [ANN_JSON]),
        (about(Kind.DEMOTE), 30, [ANN_JSON]),
        (about(Kind.ADD, "invite"), 31, [ANN_JSON]),
        (about(Kind.LEAVE), 32, [ANN_JSON]),
        (about(Kind.CHANGE_NUMBER), 33, ["100000000000001@lid"]),
        (GroupChange(Kind.DELETE), 43, []),
        (other("no_frequently_forwarded", True), 69, ["on"]),
        (other("frequently_forwarded_ok"), 69, ["off"]),
        (GroupChange(Kind.EPHEMERAL, enabled=True, number=86_400), 72, ["86400"]),
        (GroupChange(Kind.EPHEMERAL), 72, ["0"]),
        (other("growth_locked", True), 133, []),
        (GroupChange(Kind.LINK, text="parent_group", groups=(GROUP,)), 134, [str(GROUP)]),
        (GroupChange(Kind.LINK, text="sibling_group", groups=(GROUP,)), 135, [str(GROUP)]),
        (GroupChange(Kind.LINK, text="sub_group", groups=(GROUP,)), 136, [str(GROUP)]),
        (GroupChange(Kind.UNLINK, text="parent_group", groups=(GROUP,)), 137, [str(GROUP)]),
        (GroupChange(Kind.UNLINK, text="sibling_group", groups=(GROUP,)), 138, [str(GROUP)]),
        (GroupChange(Kind.UNLINK, text="sub_group", groups=(GROUP,)), 139, [str(GROUP)]),
        (about(Kind.ADD, "accept"), 140, [ANN_JSON]),
        (about(Kind.ADD, "linked_group_join"), 141, [ANN_JSON]),
        (GroupChange(Kind.APPROVAL_MODE, enabled=True), 145, ["on"]),
        (about(Kind.COMMUNITY_PROMOTE), 147, [ANN_JSON]),
        (about(Kind.COMMUNITY_DEMOTE), 148, [ANN_JSON]),
        (GroupChange(Kind.DELETE, reason="delete_parent"), 149, []),
        (GroupChange(Kind.DELETE, reason="integrity_delete_parent"), 149, []),
        (GroupChange(Kind.MEMBER_ADD_MODE, text="admin_add"), 171, ["admin_add"]),
        (other("allow_non_admin_sub_group_creation", True), 176, ["on"]),
        (other("group_history", True), 186, ["on"]),
        (other("no_group_history"), 186, ["off"]),
        (other("created_sub_group_suggestion"), 191, []),
        (GroupChange(Kind.DELETE, reason="deactivate_general_chat"), 204, []),
        (other("limit_sharing_enabled", True), 216, []),
        (GroupChange(Kind.MEMBER_LINK_MODE, text="admin_link"), 217, ["admin_link"]),
        (GroupChange(Kind.HISTORY_MODE, text="admin_share"), 221, ["admin_share"]),
    ],
)
def test_each_change_has_its_number(
    change: GroupChange, number: int, parameters: list[str]
) -> None:
    assert notice_of(change, BOB_LID) == Notice(number, tuple(parameters))


@pytest.mark.parametrize(
    "change",
    [
        GroupChange(Kind.SUSPENDED, enabled=True),
        GroupChange(Kind.LINK, text="cousin_group", groups=(GROUP,)),
        other("something_new"),
        other("allow_admin_reports", True),
        about(Kind.OTHER),
    ],
)
def test_some_changes_are_shown_to_nobody(change: GroupChange) -> None:
    assert notice_of(change, BOB_LID) is None


@pytest.mark.parametrize(
    ("change", "number", "more"),
    [
        (about(Kind.REQUESTS_CREATED, "non_admin_add"), 172, ["created", "non_admin_add"]),
        (
            about(Kind.REQUESTS_CREATED, "invite_link", "membership_approval_request"),
            144,
            ["invite_link"],
        ),
        (about(Kind.REQUESTS_REVOKED, "revoked"), 172, ["revoked"]),
        (about(Kind.REQUESTS_REVOKED, "rejected"), 172, ["rejected"]),
    ],
)
def test_requests_name_who_asks_by_both_addresses(
    change: GroupChange, number: int, more: list[str]
) -> None:
    notice = notice_of(change)
    assert notice is not None
    who, *rest = notice.parameters
    assert (notice.type, rest) == (number, more)
    assert json.loads(who) == {"lid": str(ANN_LID), "pn": str(ANN)}


def test_people_are_named_by_what_is_known_of_them() -> None:
    by_number = GroupChange(Kind.ADD, (ANN,), (ANN,))
    notice = notice_of(by_number, BOB, {ANN: ANN_LID}.get)
    assert notice is not None
    assert json.loads(notice.parameters[0]) == {
        "id": str(ANN),
        "lid": str(ANN_LID),
        "admin": None,
    }
    hidden = notice_of(GroupChange(Kind.REMOVE, (BOB_LID,), (None,)))
    assert hidden is not None
    assert json.loads(hidden.parameters[0]) == {"id": str(BOB_LID), "admin": None}
    # Whoever leaves by themselves may not be named.
    left = notice_of(GroupChange(Kind.LEAVE), BOB_LID)
    assert left is not None
    assert json.loads(left.parameters[0])["id"] == str(BOB_LID)


def test_a_notice_comes_back_from_the_message_that_it_is_stored_as() -> None:
    notice = Notice(24, ("Käse 🧀",))
    key = MessageKey(GROUP, "N1", False, ANN)
    content = notice.info().SerializeToString()
    message = Message(key, 1, content, MessageKind.STUB, ack=Ack.SERVER)
    assert (message.notice, message.text, message.proto()) == (notice, "", pb.Message())
    assert notice.name == "GROUP_CHANGE_DESCRIPTION"
    assert Notice(99_999).name == "99999"
    with pytest.raises(ValueError, match="99999"):
        Notice(99_999).info()
    for wrong in (b"", b"\xff\xff", pb.WebMessageInfo(messageStubParameters=["x"])):
        raw = wrong if isinstance(wrong, bytes) else wrong.SerializeToString()
        assert Message(key, 1, raw, MessageKind.STUB).notice is None
