"""The store of public keys: upload, count, digest, rotation, bundles."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from waport.crypto import KeyPair
from waport.emulator import Emulator
from waport.signal import SignedPreKey, generate_pre_keys
from waport.wire import Node

Linked = Callable[..., Awaitable[Any]]


async def test_the_pool_is_counted_and_emptied_one_key_at_a_time(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await bob.upload(
        7, start=100
    )  # beside the ten of the first upload, of which the phone took one

    async def count() -> str | None:
        answer = await bob.query(make_iq("get", "encrypt", Node("count")))
        return answer.child("count").get("value")

    before = int(await count() or 0)
    taken = []
    while True:
        answer = await alice.query(
            make_iq("get", "encrypt", Node("key", {}, [Node("user", {"jid": bob.lid})]))
        )
        user = answer.child("list").child("user")
        if user.find("key") is None:
            break
        taken.append(int.from_bytes(user.child("key").child("id").data, "big"))
    assert len(taken) == before
    assert len(set(taken)) == before
    assert taken[-7:] == list(range(100, 107))  # oldest first
    assert user.jid("jid") == bob.lid
    assert int.from_bytes(user.child("registration").data, "big") == bob.registration_id
    assert user.child("identity").data == bob.identity.public
    assert user.child("device-identity").data
    assert await count() == "0"


async def test_a_low_pool_is_announced_until_keys_come(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await bob.ack_all()
    fetch = make_iq("get", "encrypt", Node("key", {}, [Node("user", {"jid": bob.jid})]))
    left = len(emulator.directory.by_name("Bob").devices[1].pre_keys)  # type: ignore[union-attr]
    for _ in range(left - 5):
        await alice.query(fetch)
    assert [n for n in await bob.settled() if n.tag == "notification"] == []
    await alice.query(fetch)
    notice = await bob.expect("notification", lambda node: node.get("type") == "encrypt")
    assert notice.child("count").get("value") == "4"


async def test_an_upload_that_is_repeated_changes_nothing(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    device = emulator.directory.by_name("Bob").devices[1]  # type: ignore[union-attr]
    first = list(device.pre_keys)
    await alice.query(make_iq("get", "encrypt", Node("key", {}, [Node("user", {"jid": bob.jid})])))
    assert (await bob.query(bob.upload_iq())).get("type") == "result"
    # The key that was given out does not come back.
    assert list(device.pre_keys) == first[1:]


async def test_the_digest_is_over_what_the_server_has(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    bob = await linked(emulator, "Bob")
    answer = await bob.query(make_iq("get", "encrypt", Node("digest")))
    digest = answer.child("digest")
    ids = [int.from_bytes(node.data, "big") for node in digest.child("list").children("id")]
    publics = {key.id: key.pair.public for key in bob.pre_keys}
    hashed = bob.identity.public + bob.signed.pair.public + bob.signed.signature
    hashed += b"".join(publics[key_id] for key_id in ids)
    assert digest.child("hash").data == hashlib.sha1(hashed).digest()
    assert int.from_bytes(digest.child("registration").data, "big") == bob.registration_id


async def test_a_device_that_uploaded_nothing_has_no_digest(
    emulator: Emulator, client_of: Any, link_only: Any, make_iq: Any
) -> None:
    client = client_of(emulator)
    await link_only(emulator, client)
    await client.log_in(active=False)
    answer = await client.query(make_iq("get", "encrypt", Node("digest")))
    assert answer.child("error").get("code") == "404"


async def test_a_signed_pre_key_is_rotated_if_its_signature_is_right(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    bob = await linked(emulator, "Bob")
    bob.signed = SignedPreKey.create(bob.identity, 2)
    rotate = make_iq("set", "encrypt", Node("rotate", {}, [bob.skey()]))
    assert (await bob.query(rotate)).get("type") == "result"
    device = emulator.directory.by_name("Bob").devices[1]  # type: ignore[union-attr]
    assert device.signed_pre_key is not None
    assert device.signed_pre_key.id == 2
    bob.signed = SignedPreKey.create(KeyPair.generate(), 3)
    refused = await bob.query(make_iq("set", "encrypt", Node("rotate", {}, [bob.skey()])))
    assert refused.child("error").get("code") == "406"
    assert device.signed_pre_key.id == 2


async def test_a_malformed_upload_is_refused_and_changes_nothing(
    emulator: Emulator, linked: Linked
) -> None:
    bob = await linked(emulator, "Bob")
    device = emulator.directory.by_name("Bob").devices[1]  # type: ignore[union-attr]
    before = dict(device.pre_keys)
    bob.pre_keys = generate_pre_keys(500, 3)
    for spoil in ("registration", "identity", "skey", "list", "type"):
        upload = bob.upload_iq()
        assert isinstance(upload.content, list)
        upload.content = [
            Node(child.tag, {}, b"\x01\x02") if child.tag == spoil else child
            for child in upload.content
        ]
        answer = await bob.query(upload)
        assert answer.get("type") == "error", spoil
    assert device.pre_keys == before


async def test_an_unknown_device_is_an_error_beside_the_good_ones(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    users = [Node("user", {"jid": jid}) for jid in (bob.jid.with_device(77), bob.jid)]
    answer = await alice.query(make_iq("get", "encrypt", Node("key", {}, users)))
    gone, good = answer.child("list").children("user")
    assert gone.child("error").get("code") == "406"
    assert good.find("identity") is not None


async def test_a_pool_that_many_take_from_at_once_is_announced_once(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    users = [Node("user", {"jid": jid}) for jid in [bob.jid, bob.lid] * 20]
    answer = await alice.query(make_iq("get", "encrypt", Node("key", {}, users)))
    bundles = answer.child("list").children("user")
    assert len(bundles) == 40
    assert bundles[-1].find("key") is None
    notices = [n for n in await bob.settled() if n.get("type") == "encrypt"]
    assert [n.child("count").get("value") for n in notices] == ["0"]
    many = [Node("user", {"jid": bob.jid})] * 10_001
    refused = await alice.query(make_iq("get", "encrypt", Node("key", {}, many)))
    assert refused.child("error").get("code") == "400"


async def test_a_new_identity_key_is_announced_to_contacts(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await emulator.phone_of(emulator.directory.by_name("Bob")).send_text(  # type: ignore[arg-type]
        alice.lid.bare, "hello"
    )
    bob.identity = KeyPair.generate()
    bob.signed = SignedPreKey.create(bob.identity, 1)
    assert (await bob.query(bob.upload_iq())).get("type") == "result"
    told = await alice.expect("notification", lambda node: node.get("type") == "encrypt")
    assert (told.jid("from"), told.find("identity") is not None) == (bob.jid, True)
