"""Votes, answers and changes that only the readers of their target can read."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict

from waport.crypto import aes_gcm_encrypt
from waport.emulator import phone_addons
from waport.emulator.phone_addons import Target
from waport.errors import InvalidInput, NotFound
from waport.proto import pb
from waport.wire import Jid

SECRET = bytes(range(32))
ID = "3EB0AAAAAAAAAAAAAAAAAA"
AUTHOR, VOTER = Jid("100000000000001", "lid"), Jid("100000000000002", "lid")


def poll(*options: str, name: str = "pollCreationMessage") -> pb.Message:
    listed = [pb.PollCreationMessage.Option(optionName=option) for option in options]
    message = pb.Message(messageContextInfo=pb.MessageContextInfo(messageSecret=SECRET))
    getattr(message, name).CopyFrom(pb.PollCreationMessage(name="?", options=listed))
    return message


def target(message: pb.Message | None = None) -> Target:
    key = pb.MessageKey(remoteJid=str(AUTHOR), fromMe=False, id=ID)
    return Target(key, AUTHOR, message or poll("Yes", "No"))


def test_a_vote_is_the_published_value() -> None:
    made = phone_addons.vote(target(), VOTER, ["Yes"], 1, random_bytes=bytes)
    value = made.pollUpdateMessage.vote
    assert value.encIv == bytes(12)
    assert value.encPayload.hex() == (
        "a65553178bbe9a9ef5d73e7aad6fd1df4a00c991d487cc9599a281c10b76bf037ff993c2af8e2fe9dac05604db"
        "7d6ecb67d4"
    )


def test_an_encrypted_reaction_uses_the_published_key() -> None:
    made = phone_addons.react_secretly(target(), VOTER, "👍", 5, random_bytes=bytes)
    key = bytes.fromhex("dc2ec1dd700dc730c0638a41dfe47deb704bd45c95ee4e21729691695cec285e")
    plain = pb.ReactionMessage(text="👍", senderTimestampMs=5).SerializeToString()
    assert made.encReactionMessage.encPayload == aes_gcm_encrypt(key, bytes(12), plain, b"")


@pytest.mark.parametrize("options", [[], ["No"], ["Yes", "No"]])
@pytest.mark.parametrize("name", ["pollCreationMessageV2", "pollCreationMessageV3"])
def test_votes_are_read_by_the_names_of_their_options(options: list[str], name: str) -> None:
    asked = target(poll("Yes", "No", name=name))
    made = phone_addons.vote(asked, VOTER, options, 1)
    assert phone_addons.opened(made, [(asked, VOTER)]) == {"vote": options}
    assert phone_addons.opened(made, [(asked, AUTHOR)]) is None


def test_the_other_kinds_are_read_too() -> None:
    asked = target()
    for made, shown in (
        (
            phone_addons.answer_event(asked, VOTER, "MAYBE", 7),
            {"response": "MAYBE", "timestampMs": "7"},
        ),
        (
            phone_addons.react_secretly(asked, VOTER, "👍", 7),
            {"text": "👍", "senderTimestampMs": "7"},
        ),
        (
            phone_addons.change_secretly(
                asked, AUTHOR, "MESSAGE_EDIT", pb.Message(conversation="other")
            ),
            {"conversation": "other"},
        ),
    ):
        tries = [(asked, Jid("1", "lid")), (asked, VOTER), (asked, AUTHOR)]
        assert phone_addons.opened(made, tries) == shown
        key = phone_addons.target_key(made)
        assert key is not None
        assert key.id == ID


def test_what_makes_no_sense_is_refused() -> None:
    plain = pb.Message(conversation="no poll")
    with pytest.raises(InvalidInput):
        phone_addons.vote(target(plain), VOTER, [], 1)
    with pytest.raises(InvalidInput):
        phone_addons.vote(target(), VOTER, ["Perhaps"], 1)
    bare = poll("Yes")
    bare.ClearField("messageContextInfo")
    with pytest.raises(InvalidInput):
        phone_addons.vote(target(bare), VOTER, ["Yes"], 1)
    with pytest.raises(InvalidInput):
        phone_addons.answer_event(target(), VOTER, "PERHAPS", 1)
    with pytest.raises(InvalidInput):
        phone_addons.change_secretly(target(), VOTER, "UNKNOWN", plain)
    assert phone_addons.target_key(plain) is None
    odd = pb.Message(pollUpdateMessage=pb.PollUpdateMessage(vote=pb.PollEncValue(encIv=b"1")))
    assert phone_addons.opened(odd, [(target(), VOTER)]) is None


# --- between phones ------------------------------------------------------------------------------


async def test_phones_vote_and_read_each_others_votes(
    server: Any, http: httpx.AsyncClient, people: list[dict[str, str]]
) -> None:
    alice, bob = people

    async def send(sender: dict[str, str], to: dict[str, str], **body: Any) -> httpx.Response:
        return await http.post(f"/accounts/{sender['phone']}/send", json={"to": to["lid"], **body})

    options = [{"optionName": name} for name in ("Yes", "No")]
    question = {"pollCreationMessageV3": {"name": "?", "options": options}}
    made = await send(alice, bob, message=question)
    await server.quiet()
    poll_id = made.json()["id"]
    assert (await send(bob, alice, vote={"id": poll_id, "options": ["No"]})).status_code == 200
    assert (await send(alice, bob, vote={"id": poll_id, "options": []})).status_code == 200
    await server.quiet()

    async def last(person: dict[str, str]) -> Any:
        return (await http.get(f"/accounts/{person['phone']}/messages")).json()["messages"][-1]

    shown = await last(alice)
    assert shown["opened"] == {"vote": ["No"]}
    key = shown["message"]["pollUpdateMessage"]["pollCreationMessageKey"]
    assert (key["id"], key["fromMe"]) == (poll_id, False)
    assert (await last(bob))["opened"] == {"vote": []}
    assert (
        "opened" not in (await http.get(f"/accounts/{bob['phone']}/messages")).json()["messages"][0]
    )

    event = (await send(alice, bob, message={"eventMessage": {"name": "party"}})).json()["id"]
    await server.quiet()
    answer = {"id": event, "response": "GOING"}
    assert (await send(bob, alice, event_response=answer)).status_code == 200
    await server.quiet()
    assert (await last(alice))["opened"]["response"] == "GOING"
    told = {"id": event, "text": "👍"}
    assert (await send(bob, alice, enc_reaction=told)).status_code == 200
    changed = {"eventMessage": {"name": "other"}}
    edit = {"id": event, "type": "EVENT_EDIT", "message": changed}
    assert (await send(alice, bob, enc_edit=edit)).status_code == 200
    await server.quiet()
    assert (await last(alice))["opened"]["text"] == "👍"
    assert (await last(bob))["opened"] == changed

    for body, status in (
        ({"vote": {"id": "NEVER", "options": []}}, 404),
        ({"vote": {"id": poll_id, "options": ["Perhaps"]}}, 400),
        ({"vote": {"id": poll_id}}, 400),
        ({"vote": "no"}, 400),
        ({"event_response": {"id": event, "response": "PERHAPS"}}, 400),
        ({"enc_edit": {"id": event, "type": "NO", "message": changed}}, 400),
        ({"reaction": "👍", "server_id": 1}, 400),
        ({"vote": {"id": poll_id, "options": []}, "text": "x"}, 400),
    ):
        assert (await send(bob, alice, **body)).status_code == status, body


async def test_reactions_edits_and_revocations_go_as_protobuf_json(
    server: Any, http: httpx.AsyncClient, people: list[dict[str, str]]
) -> None:
    alice, bob = people
    to = {"to": bob["jid"]}
    path = f"/accounts/{alice['phone']}/send"
    sent = (await http.post(path, json={**to, "text": "hello"})).json()["id"]
    key = {"remoteJid": bob["jid"], "fromMe": True, "id": sent}
    bodies = [
        {"reactionMessage": {"key": key, "text": "👍", "senderTimestampMs": "5"}},
        {
            "protocolMessage": {
                "type": "MESSAGE_EDIT",
                "key": key,
                "editedMessage": {"conversation": "other"},
                "timestampMs": "6",
            }
        },
        {"protocolMessage": {"type": "REVOKE", "key": key}},
    ]
    for body in bodies:
        assert (await http.post(path, json={**to, "message": body})).status_code == 200
    await server.quiet()
    stanzas = server.stanzas("message", Jid.parse(alice["jid"]))[-3:]
    assert [(n.get("type"), n.get("edit")) for n in stanzas] == [
        ("reaction", None),
        ("text", "1"),
        ("text", "7"),
    ]
    messages = (await http.get(f"/accounts/{bob['phone']}/messages")).json()["messages"]
    assert [message["message"] for message in messages[1:]] == bodies
    # None of them can be added to: there is no secret in them.
    assert all("messageContextInfo" not in message["message"] for message in messages[1:])


async def test_a_target_must_be_in_the_chat(server: Any, alice: Any, bob: Any) -> None:
    await bob.send_message(alice.owner.own.lid, poll("Yes"), "P1")
    await server.quiet()
    found, sender = await alice.chats.target(bob.owner.own.pn, "P1")
    assert (found.author, sender) == (bob.owner.own.lid, alice.owner.own.lid)
    assert MessageToDict(found.key) == {
        "remoteJid": str(bob.owner.own.pn),
        "fromMe": False,
        "id": "P1",
    }
    with pytest.raises(NotFound):
        await alice.chats.target(alice.owner.own.lid, "P1")
    with pytest.raises(NotFound):
        await alice.chats.target(bob.owner.own.pn, "P2")
