"""Channels among stock clients, with the emulator as their server.

Baileys talks to the emulator alone here; our own client is not involved.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from waport.proto import pb

if TYPE_CHECKING:
    from types import ModuleType

    from .baileys import Baileys
    from .conftest import Admin, Launch

pytestmark = pytest.mark.interop

JPEG = base64.b64encode(b"\xff\xd8\xff\xe0 picture").decode()


async def call(client: Baileys, method: str, *args: Any) -> Any:
    """Any method of Baileys' socket."""
    return await client.command("call", method=method, args=list(args))


async def number_of(client: Baileys) -> str:
    return str((await client.me())["id"]).split("@")[0].split(":")[0]


async def shown(admin: Admin, newsletter: str) -> Any:
    """What the server knows of a channel."""
    return await admin.get(f"/newsletters/{newsletter}")


def children(node: Mapping[str, Any], tag: str) -> list[Mapping[str, Any]]:
    content = node.get("content")
    listed = content if isinstance(content, Sequence) and not isinstance(content, str) else []
    return [child for child in listed if child["tag"] == tag]


def child(node: Mapping[str, Any], *tags: str) -> Mapping[str, Any]:
    for tag in tags:
        (node,) = children(node, tag)
    return node


def posts(answer: Mapping[str, Any]) -> dict[str, str]:
    """Server id to text, of the posts in an answer."""
    found: dict[str, str] = {}
    for message in children(child(answer, "message_updates", "messages"), "message"):
        plain = children(message, "plaintext")
        data = base64.b64decode(plain[0]["content"]) if plain and "content" in plain[0] else b""
        found[message["attrs"]["server_id"]] = pb.Message.FromString(data).extendedTextMessage.text
    return found


async def test_a_channel_is_made_found_followed_muted_and_left(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    alice, bob = [await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob")]
    made = await call(alice, "newsletterCreate", unique_name, "of all kinds")
    newsletter = made["id"]
    assert newsletter.endswith("@newsletter")
    assert (made["name"], made["description"]) == (unique_name, "of all kinds")
    assert (made["subscribers"], made["mute_state"]) == (1, "OFF")
    for kind, key in (("jid", newsletter), ("invite", made["invite"])):
        found = await call(bob, "newsletterMetadata", kind, key)
        assert found["id"] == newsletter
        assert found["thread_metadata"]["name"]["text"] == unique_name
        assert found["viewer_metadata"]["role"] == "GUEST"
    followed = await call(bob, "newsletterFollow", newsletter)
    assert followed["viewer_metadata"]["role"] == "SUBSCRIBER"
    assert (await call(bob, "newsletterMute", newsletter))["viewer_metadata"]["mute"] == "ON"
    assert (await call(bob, "newsletterUnmute", newsletter))["viewer_metadata"]["mute"] == "OFF"
    assert await call(bob, "newsletterAdminCount", newsletter) == 1
    followers = (await shown(admin, newsletter))["followers"]
    assert followers == {await number_of(alice): "OWNER", await number_of(bob): "SUBSCRIBER"}
    left = await call(bob, "newsletterUnfollow", newsletter)
    assert left["state"]["type"] == "ACTIVE"
    assert len((await shown(admin, newsletter))["followers"]) == 1


async def test_a_channel_is_changed_and_deleted_by_who_may(
    baileys: Launch, admin: Admin, unique_name: str, driver: ModuleType
) -> None:
    alice, bob = [await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob")]
    newsletter = (await call(alice, "newsletterCreate", unique_name))["id"]
    await call(bob, "newsletterFollow", newsletter)
    await call(alice, "newsletterUpdateName", newsletter, "Other")
    await call(alice, "newsletterUpdateDescription", newsletter, "in other words")
    pictured = await call(alice, "newsletterUpdate", newsletter, {"picture": JPEG})
    assert pictured["thread_metadata"]["picture"]["direct_path"].startswith("/v/")
    bare = await call(alice, "newsletterRemovePicture", newsletter)
    assert bare["thread_metadata"]["picture"]["direct_path"] == ""
    thread = (await call(bob, "newsletterMetadata", "jid", newsletter))["thread_metadata"]
    assert (thread["name"]["text"], thread["description"]["text"]) == ("Other", "in other words")

    for method, *args in (
        ("newsletterUpdateName", newsletter, "Mine"),
        ("newsletterDelete", newsletter),
        ("newsletterChangeOwner", newsletter, (await bob.me())["lid"]),
    ):
        with pytest.raises(driver.DriverError) as refused:
            await call(bob, method, *args)
        assert refused.value.status_code == 403
    body = {"account": await number_of(bob), "role": "ADMIN"}
    await admin.post(f"/newsletters/{newsletter}/role", body)
    assert await call(bob, "newsletterAdminCount", newsletter) == 2
    lid = str((await bob.me())["lid"]).split(":")[0] + "@lid"
    await call(alice, "newsletterDemote", newsletter, lid)
    assert await call(bob, "newsletterAdminCount", newsletter) == 1
    await call(alice, "newsletterDelete", newsletter)
    assert (await shown(admin, newsletter))["state"] == "DELETED"
    with pytest.raises(driver.DriverError) as gone:
        await call(bob, "newsletterFollow", newsletter)
    assert gone.value.status_code == 404


async def test_posts_reach_followers_and_are_fetched_by_page(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice, bob = [await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob")]
    second = await baileys(f"{unique_name} second", push_name=f"{unique_name} Bob")
    newsletter = (await call(alice, "newsletterCreate", unique_name))["id"]
    await call(bob, "newsletterFollow", newsletter)
    follow = {"newsletter": newsletter}
    await admin.post(f"/accounts/{dora['phone']}/newsletters/follow", follow)
    for text in ("one", "two"):
        await alice.send_text(newsletter, text)
        for client in (bob, second):
            message = await client.wait_text(text)
            assert (message.chat, message.from_me) == (newsletter, False)
    await bob.stop()
    await alice.send_text(newsletter, "three")
    await second.wait_text("three")
    bob = await baileys(f"{unique_name} Bob")
    message = await bob.wait_text("three")
    assert (message.chat, message.key["server_id"]) == (newsletter, "102")
    assert bob.texts() == ["three"]

    fetched = posts(await call(bob, "newsletterFetchMessages", newsletter, 10, 0, 0))
    assert fetched == {"100": "one", "101": "two", "102": "three"}
    fetched = posts(await call(bob, "newsletterFetchMessages", newsletter, 10, 0, 100))
    assert fetched == {"101": "two", "102": "three"}
    messages = (await admin.get(f"/accounts/{dora['phone']}/messages"))["messages"]
    assert [(m["text"], m["chat"], m["server_id"]) for m in messages] == [
        (text, newsletter, 100 + number) for number, text in enumerate(("one", "two", "three"))
    ]


async def test_a_phone_runs_a_channel_that_baileys_follows(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    bob = await baileys(f"{unique_name} Bob")
    path = f"/accounts/{dora['phone']}"
    newsletter = (await admin.post(f"{path}/newsletters", {"name": unique_name}))["jid"]
    await call(bob, "newsletterFollow", newsletter)
    sent = await admin.post(f"{path}/send", {"to": newsletter, "text": "from the phone"})
    assert sent["server_id"] == 100
    assert (await bob.wait_text("from the phone")).chat == newsletter
    key = {"remoteJid": newsletter, "fromMe": True, "id": sent["id"]}
    content = {"type": "MESSAGE_EDIT", "key": key, "editedMessage": {"conversation": "corrected"}}
    edit = {"to": newsletter, "message": {"protocolMessage": content}}
    assert (await admin.post(f"{path}/send", edit))["server_id"] == 100
    corrected = await bob.wait_text("corrected")
    assert (corrected.id, corrected.key["server_id"]) == (sent["id"], "100")
    data = b"a picture of a channel"
    file = base64.b64encode(data).decode()
    body = {"to": newsletter, "file": file, "mimetype": "image/jpeg", "caption": "look"}
    picture = await admin.post(f"{path}/send", body)
    message = await bob.wait_message(picture["id"])
    image = message.raw["message"]["imageMessage"]
    assert base64.b64decode(image["fileSha256"]) == hashlib.sha256(data).digest()
    assert "mediaKey" not in image
    fetched = await admin.http.get(image["url"])
    assert fetched.content == data


async def test_files_are_posted_in_clear(
    baileys: Launch, admin: Admin, unique_name: str, tmp_path: Path
) -> None:
    alice, bob = [await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob")]
    newsletter = (await call(alice, "newsletterCreate", unique_name))["id"]
    await call(bob, "newsletterFollow", newsletter)
    data = b"\xff\xd8\xff a picture" * 1000
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    name = await alice.send(newsletter, {"image": {"url": str(path)}, "caption": "look"})
    message = await bob.wait_message(name)
    image = message.raw["message"]["imageMessage"]
    assert image["caption"] == "look"
    assert base64.b64decode(image["fileSha256"]) == hashlib.sha256(data).digest()
    assert (await admin.http.get(image["url"])).content == data
    (post,) = (await shown(admin, newsletter))["posts"]
    assert (post["id"], post["type"]) == (name, "media")


async def test_reactions_are_counted_and_taken_back(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    alice, bob = [await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob")]
    newsletter = (await call(alice, "newsletterCreate", unique_name))["id"]
    await call(bob, "newsletterFollow", newsletter)
    await alice.send_text(newsletter, "one")
    await bob.wait_text("one")
    assert await call(alice, "subscribeNewsletterUpdates", newsletter) == {"duration": "300"}
    await call(bob, "newsletterReactMessage", newsletter, "100", "👍")
    (post,) = (await shown(admin, newsletter))["posts"]
    assert post["reactions"] == {await number_of(bob): "👍"}
    await call(bob, "newsletterReactMessage", newsletter, "100")
    (post,) = (await shown(admin, newsletter))["posts"]
    assert post["reactions"] == {}
    answer = await call(bob, "newsletterFetchMessages", newsletter, 1)
    (message,) = children(child(answer, "message_updates", "messages"), "message")
    assert child(message, "views_count")["attrs"] == {"type": "views", "count": "0"}


async def test_baileys_takes_news_in_the_forms_that_it_knows(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    """The newer forms it passes over; what it hears in the older ones proves their shape."""
    bob = await baileys(f"{unique_name} Bob")
    number = await number_of(bob)
    newsletter = "120363000000000002@newsletter"

    async def tell(kind: str, source: str, *content: Mapping[str, Any]) -> None:
        attrs = {"id": f"{unique_name} {kind}", "from": source, "type": kind, "t": "1"}
        node = {"tag": "notification", "attrs": attrs, "content": list(content)}
        body = {"account": number, "node": node, "queue": True}
        await admin.post("/faults/send", body)

    about = {"message_id": "100"}
    code = {"tag": "reaction", "content": "👍"}
    await tell(
        "newsletter",
        newsletter,
        {"tag": "reaction", "attrs": about, "content": [code]},
        {"tag": "view", "attrs": about, "content": "7"},
    )
    reacted = await bob.wait_for("newsletter.reaction")
    assert reacted["data"]["id"] == newsletter
    assert reacted["data"]["reaction"] == {"code": "👍", "count": 1}
    viewed = await bob.wait_for("newsletter.view")
    assert (viewed["data"]["server_id"], viewed["data"]["count"]) == ("100", 7)
    update = (
        '{"operation":"NotificationNewsletterUpdate",'
        f'"updates":[{{"jid":"{newsletter}","settings":{{"name":"Other"}}}}]}}'
    )
    await tell("mex", "s.whatsapp.net", {"tag": "mex", "content": update})
    changed = await bob.wait_for("newsletter-settings.update")
    assert changed["data"] == {"id": newsletter, "update": {"name": "Other"}}
