"""What shows of each content outside the encryption."""

from __future__ import annotations

import pytest

from support.contents import GROUP, KEY, OTHER, OWN_KEY, PERSON, SAMPLES, SEALED
from waport.errors import DecodeError
from waport.model.contents import (
    EncryptedEdit,
    Keep,
    KeepAction,
    Protocol,
    SecretEdit,
    TargetKey,
)
from waport.proto import pb
from waport.stanza.contents import encode
from waport.stanza.contents.traits import EditMark, Traits, business_nodes, traits

EXPECTED = {
    "text": Traits("text"),
    "plain text": Traits("text"),
    "text with everything": Traits("media", "url"),
    "text with a group": Traits("text"),
    "image": Traits("media", "image"),
    "image seen once": Traits("media", "image", meta={"view_once": "true"}),
    "video": Traits("media", "video"),
    "gif": Traits("media", "gif"),
    "video note": Traits("media", "ptv"),
    "audio": Traits("media", "audio"),
    "voice note": Traits("media", "ptt"),
    "voice note heard once": Traits("media", "ptt", meta={"view_once": "true"}),
    "document": Traits("media", "document"),
    "document with caption": Traits("media", "document"),
    "sticker": Traits("media", "sticker"),
    "lottie sticker": Traits("media", "sticker"),
    "album": Traits("text"),
    "contact": Traits("media", "vcard"),
    "contacts": Traits("media", "contact_array"),
    "location": Traits("media", "livelocation"),
    "location at zero": Traits("media", "location"),
    "live location": Traits("media", "livelocation"),
    "group invite": Traits("media", "url"),
    "channel invite": Traits("text"),
    "phone number request": Traits("text"),
    "poll, one choice": Traits("poll", meta={"polltype": "creation"}),
    "poll, any number": Traits("poll", meta={"polltype": "creation"}),
    "quiz": Traits("poll", meta={"polltype": "creation"}),
    "poll vote": Traits("poll", hide=True, meta={"polltype": "vote"}),
    "poll results": Traits("text"),
    "event": Traits("event", meta={"event_type": "creation"}),
    "event response": Traits("event", hide=True, meta={"event_type": "response"}),
    "reaction": Traits("reaction", hide=True),
    "reaction taken back": Traits("reaction", edit=EditMark.AUTHOR_REVOKE),
    "encrypted reaction": Traits("reaction", hide=True),
    "encrypted comment": Traits("text"),
    "encrypted edit": Traits("text", edit=EditMark.EDIT, hide=True),
    "edit": Traits("text", edit=EditMark.EDIT, hide=True),
    "edit of a caption": Traits("text", edit=EditMark.EDIT, hide=True),
    "revoke": Traits("text", edit=EditMark.AUTHOR_REVOKE),
    "revoke by an admin": Traits("text", edit=EditMark.ADMIN_REVOKE),
    "pin": Traits("text", edit=EditMark.PIN, hide=True),
    "unpin": Traits("text", edit=EditMark.PIN, hide=True),
    "keep": Traits("text", hide=True),
    "timer": Traits("text"),
    "member label": Traits(
        "text", hide=True, meta={"appdata": "member_tag", "tag_reason": "user_update"}
    ),
    "member label taken away": Traits(
        "text", hide=True, meta={"appdata": "member_tag", "tag_reason": "user_delete"}
    ),
    "limited sharing": Traits("text"),
    "buttons": Traits("text"),
    "buttons reply": Traits("media", "buttons_response"),
    "list": Traits("media", "list"),
    "list reply": Traits("media", "list_response"),
    "template": Traits("text"),
    "template reply": Traits("text"),
    "native flow": Traits("text"),
    "native flow reply": Traits("media", "native_flow_response"),
    "product": Traits("media", "product"),
    "order": Traits("media", "order"),
    "unknown": Traits("text"),
    "unknown to the schema": Traits("text"),
    "nothing": Traits("text"),
    "protocol message of an unknown type": Traits("text"),
    "protocol message without type": Traits("text"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_content_shows_as_the_table_says(name: str) -> None:
    assert traits(encode(SAMPLES[name])) == EXPECTED[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_media_always_has_a_media_type(name: str) -> None:
    shown = traits(encode(SAMPLES[name]))
    assert (shown.type == "media") is (shown.media_type is not None)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_revoke_is_never_hidden(name: str) -> None:
    shown = traits(encode(SAMPLES[name]))
    assert not (shown.hide and shown.edit in (EditMark.AUTHOR_REVOKE, EditMark.ADMIN_REVOKE))


@pytest.mark.parametrize(
    ("kind", "stanza_type", "meta"),
    [
        (SecretEdit.EVENT_EDIT, "event", {"event_type": "edit"}),
        (SecretEdit.POLL_EDIT, "poll", None),
        (SecretEdit.POLL_ADD_OPTION, "poll", None),
        (SecretEdit.MESSAGE_EDIT, "text", None),
    ],
)
def test_an_encrypted_edit_shows_what_it_edits(
    kind: SecretEdit, stanza_type: str, meta: dict[str, str] | None
) -> None:
    shown = traits(encode(EncryptedEdit(KEY, SEALED, kind)))
    assert shown == Traits(stanza_type, edit=EditMark.EDIT, hide=True, meta=meta)


def test_an_edit_in_its_wrapper_shows_like_one_without() -> None:
    wrapped = pb.Message()
    wrapped.editedMessage.message.CopyFrom(encode(SAMPLES["edit of a caption"]))
    assert traits(wrapped) == EXPECTED["edit of a caption"]


def test_taking_back_ones_own_keep_is_marked() -> None:
    undone = Keep(TargetKey("3EB0AA", GROUP, from_me=True), KeepAction.UNDO)
    assert traits(encode(undone)).edit is EditMark.AUTHOR_REVOKE
    assert traits(encode(Keep(KEY, KeepAction.UNDO))).edit is None
    assert OWN_KEY.from_me


@pytest.mark.parametrize("kind", [4, 18])
def test_some_machinery_is_hidden(kind: int) -> None:
    assert traits(encode(Protocol(kind))).hide


def test_a_status_post_says_who_sees_it() -> None:
    (meta,) = traits(encode(SAMPLES["text"]), status_setting="contacts").nodes
    assert (meta.tag, meta.get("status_setting")) == ("meta", "contacts")


def test_a_message_of_a_thread_names_it() -> None:
    message = encode(SAMPLES["text"])
    thread = message.messageContextInfo.threadId.add()
    thread.threadKey.id = "3EB0AA"
    thread.threadKey.participant = str(PERSON)
    assert traits(message).meta == {"thread_msg_id": "3EB0AA", "thread_msg_sender_jid": PERSON}


def test_a_content_without_meta_has_no_such_node() -> None:
    assert traits(encode(SAMPLES["text"])).nodes == []


def test_buttons_lists_and_native_flows_come_with_their_nodes() -> None:
    def tags(name: str) -> list[str]:
        return [node.tag for node in business_nodes(encode(SAMPLES[name]), to=OTHER, now=5)]

    assert tags("buttons") == ["biz"]
    assert tags("list") == ["biz"]
    assert tags("native flow") == ["biz", "bot"]
    assert tags("text") == []
    (biz,) = business_nodes(encode(SAMPLES["native flow"]), to=GROUP, now=5)
    assert biz.get("privacy_mode_ts") == "5"


def test_a_content_wrapped_without_end_is_refused() -> None:
    message = pb.Message(conversation="deep")
    for _ in range(7):
        outer = pb.Message()
        outer.ephemeralMessage.message.CopyFrom(message)
        message = outer
    with pytest.raises(DecodeError):
        traits(message)
