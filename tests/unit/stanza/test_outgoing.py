from __future__ import annotations

import pytest

from waport.errors import StanzaError
from waport.proto import pb
from waport.signal import Ciphertext
from waport.stanza.contents.traits import Traits, traits
from waport.stanza.outgoing import Copy, build_message, build_post, build_resend
from waport.wire import STATUS, Jid, Node

PN = Jid("15550002222", "s.whatsapp.net")
LID = Jid("100000000000002", "lid", 3)
GROUP = Jid("120363000000000000", "g.us")
CHANNEL = Jid("120363000000000000", "newsletter")
TEXT = Traits("text")
IMAGE = Traits("media", "image")
REACTION = Traits("reaction", hide=True)


def test_a_message_has_one_copy_for_each_device_in_the_attribute_order_of_the_web_client() -> None:
    copies = [Copy(LID.bare, Ciphertext("msg", b"a")), Copy(LID, Ciphertext("pkmsg", b"b"))]
    node = build_message(
        "A1", LID.bare, copies, TEXT, device_identity=b"id", attrs={"peer_recipient_pn": PN}
    )
    assert list(node.attrs) == ["id", "to", "type", "peer_recipient_pn"]
    participants, identity = node.children()
    assert [to.jid("jid") for to in participants.children()] == [LID.bare, LID]
    assert participants.children()[1].child("enc").attrs == {"v": "2", "type": "pkmsg"}
    assert identity.data == b"id"


def test_our_identity_travels_only_beside_a_first_message() -> None:
    copies = [Copy(LID, Ciphertext("msg", b"a"))]
    node = build_message("A1", LID, copies, TEXT, device_identity=b"id")
    assert node.find("device-identity") is None
    with pytest.raises(StanzaError):
        build_message("A1", LID, [], TEXT, device_identity=b"id")


def test_the_parts_of_a_group_message_stand_in_their_order() -> None:
    node = build_message(
        "A1",
        GROUP,
        [Copy(LID, Ciphertext("pkmsg", b"key"), holds_content=False)],
        IMAGE,
        device_identity=b"id",
        group_ciphertext=b"all",
        extra=[Node("reporting")],
    )
    assert [child.tag for child in node.children()] == [
        "participants",
        "device-identity",
        "enc",
        "reporting",
    ]
    # The key part says nothing of what kind the message is.
    assert "mediatype" not in node.child("participants").child("to").child("enc").attrs
    assert node.child("enc").attrs == {"v": "2", "type": "skmsg", "mediatype": "image"}


def test_what_is_hidden_is_hidden_in_every_part() -> None:
    copies = [Copy(LID, Ciphertext("msg", b"key"), holds_content=False)]
    node = build_message(
        "A1", GROUP, copies, REACTION, device_identity=b"", group_ciphertext=b"all"
    )
    encs = [node.child("enc"), node.child("participants").child("to").child("enc")]
    assert [enc.get("decrypt-fail") for enc in encs] == ["hide", "hide"]


def test_a_reader_of_a_status_who_has_the_key_is_only_named() -> None:
    node = build_message(
        "A1", STATUS, [Copy(PN, None)], TEXT, device_identity=b"", group_ciphertext=b"all"
    )
    (to,) = node.child("participants").children()
    assert (to.jid("jid"), to.content) == (PN, None)
    assert node.find("device-identity") is None


def test_a_revoke_says_so_outside_the_encryption() -> None:
    content = pb.Message()
    content.protocolMessage.type = pb.ProtocolMessage.REVOKE
    content.protocolMessage.key.fromMe = True
    copies = [Copy(LID, Ciphertext("msg", b"a"))]
    node = build_message("A1", LID, copies, traits(content), device_identity=b"")
    assert node.attr("edit") == "7"


def test_a_resend_goes_to_one_device_and_says_so() -> None:
    node = build_resend(
        "A1",
        LID,
        Ciphertext("pkmsg", b"a"),
        IMAGE,
        timestamp=7,
        count=2,
        device_identity=b"i",
    )
    assert node.attrs == {
        "id": "A1",
        "to": LID,
        "type": "media",
        "t": "7",
        "device_fanout": "false",
    }
    assert node.child("enc").attrs == {
        "v": "2",
        "type": "pkmsg",
        "mediatype": "image",
        "count": "2",
    }


def test_a_post_is_plain_and_an_empty_one_takes_it_back() -> None:
    post = build_post("A1", CHANNEL, b"body", IMAGE, media_id="handle")
    assert (post.attr("media_id"), post.child("plaintext").data) == ("handle", b"body")
    assert post.child("plaintext").attr("mediatype") == "image"
    gone = build_post("A1", CHANNEL, b"", TEXT)
    assert gone.child("plaintext").content is None
