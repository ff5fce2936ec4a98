"""What the phone's stanzas show of the message inside."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from waport.emulator.phone_content import traits
from waport.proto import pb

IMAGE = {"imageMessage": {"mimetype": "image/png"}}


@pytest.mark.parametrize(
    ("message", "attrs", "enc"),
    [
        ({"conversation": "x"}, {"type": "text"}, {}),
        ({"extendedTextMessage": {"text": "x"}}, {"type": "text"}, {}),
        (
            {"extendedTextMessage": {"text": "x", "matchedText": "x"}},
            {"type": "media"},
            {"mediatype": "url"},
        ),
        (IMAGE, {"type": "media"}, {"mediatype": "image"}),
        ({"viewOnceMessage": {"message": IMAGE}}, {"type": "media"}, {"mediatype": "image"}),
        (
            {"deviceSentMessage": {"message": {"ephemeralMessage": {"message": IMAGE}}}},
            {"type": "media"},
            {"mediatype": "image"},
        ),
        ({"audioMessage": {"ptt": True}}, {"type": "media"}, {"mediatype": "ptt"}),
        ({"videoMessage": {"gifPlayback": True}}, {"type": "media"}, {"mediatype": "gif"}),
        (
            {"locationMessage": {"isLive": True}},
            {"type": "media"},
            {"mediatype": "livelocation"},
        ),
        ({"buttonsMessage": {}}, {"type": "media"}, {}),
        ({"listMessage": {}}, {"type": "media"}, {"mediatype": "list"}),
        ({"albumMessage": {"expectedImageCount": 2}}, {"type": "text"}, {}),
        ({"pollResultSnapshotMessage": {"name": "x"}}, {"type": "text"}, {}),
        ({"newsletterAdminInviteMessage": {"caption": "x"}}, {"type": "text"}, {}),
        ({"eventMessage": {"name": "x"}}, {"type": "event"}, {}),
        ({"encEventResponseMessage": {}}, {"type": "event"}, {"decrypt-fail": "hide"}),
        (
            {"secretEncryptedMessage": {"secretEncType": "EVENT_EDIT"}},
            {"type": "event", "edit": "1"},
            {"decrypt-fail": "hide"},
        ),
        (
            {"secretEncryptedMessage": {"secretEncType": "POLL_ADD_OPTION"}},
            {"type": "poll", "edit": "1"},
            {"decrypt-fail": "hide"},
        ),
        (
            {"secretEncryptedMessage": {"secretEncType": "MESSAGE_EDIT"}},
            {"type": "text", "edit": "1"},
            {"decrypt-fail": "hide"},
        ),
        (
            {"keepInChatMessage": {"keepType": "KEEP_FOR_ALL", "key": {"fromMe": True}}},
            {"type": "text"},
            {"decrypt-fail": "hide"},
        ),
        (
            {"keepInChatMessage": {"keepType": "UNDO_KEEP_FOR_ALL", "key": {"fromMe": True}}},
            {"type": "text", "edit": "7"},
            {},
        ),
        (
            {"protocolMessage": {"type": "GROUP_MEMBER_LABEL_CHANGE"}},
            {"type": "text"},
            {"decrypt-fail": "hide"},
        ),
        ({"reactionMessage": {"text": "x"}}, {"type": "reaction"}, {"decrypt-fail": "hide"}),
        ({"reactionMessage": {"text": ""}}, {"type": "reaction", "edit": "7"}, {}),
        ({"pinInChatMessage": {}}, {"type": "text", "edit": "2"}, {"decrypt-fail": "hide"}),
        ({"pollUpdateMessage": {}}, {"type": "poll"}, {"decrypt-fail": "hide"}),
        (
            {"protocolMessage": {"type": "MESSAGE_EDIT"}},
            {"type": "text", "edit": "1"},
            {"decrypt-fail": "hide"},
        ),
        (
            {"editedMessage": {"message": {"protocolMessage": {"type": "MESSAGE_EDIT"}}}},
            {"type": "text", "edit": "1"},
            {"decrypt-fail": "hide"},
        ),
        (
            {"protocolMessage": {"type": "REVOKE", "key": {"id": "1", "fromMe": True}}},
            {"type": "text", "edit": "7"},
            {},
        ),
        (
            {"protocolMessage": {"type": "REVOKE", "key": {"id": "1"}}},
            {"type": "text", "edit": "8"},
            {},
        ),
        ({"protocolMessage": {"type": "EPHEMERAL_SETTING"}}, {"type": "text"}, {}),
    ],
)
def test_traits_follow_from_the_content(
    message: dict[str, Any], attrs: dict[str, str], enc: dict[str, str]
) -> None:
    shown = traits(ParseDict(message, pb.Message()))
    assert (dict(shown.attrs), dict(shown.enc)) == (attrs, enc)


@pytest.mark.parametrize(
    ("message", "tag", "shown"),
    [
        ({"pollCreationMessageV3": {"name": "x"}}, "meta", {"polltype": "creation"}),
        ({"pollUpdateMessage": {}}, "meta", {"polltype": "vote"}),
        ({"eventMessage": {"name": "x"}}, "meta", {"event_type": "creation"}),
        ({"encEventResponseMessage": {}}, "meta", {"event_type": "response"}),
        (
            {"secretEncryptedMessage": {"secretEncType": "EVENT_EDIT"}},
            "meta",
            {"event_type": "edit"},
        ),
        ({"viewOnceMessageV2": {"message": IMAGE}}, "meta", {"view_once": "true"}),
        ({"viewOnceMessageV2Extension": {"message": IMAGE}}, "meta", {"view_once": "true"}),
        ({"buttonsMessage": {}}, "biz", {}),
        ({"listMessage": {}}, "biz", {}),
    ],
)
def test_an_element_beside_the_ciphertexts_tells_of_some_kinds(
    message: dict[str, Any], tag: str, shown: dict[str, str]
) -> None:
    (node,) = traits(ParseDict(message, pb.Message())).children
    assert (node.tag, dict(node.attrs)) == (tag, shown)
