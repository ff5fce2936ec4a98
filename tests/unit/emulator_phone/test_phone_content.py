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
