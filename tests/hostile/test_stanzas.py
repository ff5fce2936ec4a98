"""Damaged stanzas, sealed as the server seals them, and damaged answers to what a client asks."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from fuzz.mutate import mutate
from waport.client import Client
from waport.errors import WhatsAppError
from waport.model import SessionState
from waport.wire import Jid

from .corpus import pushed
from .damage import NodeDamage
from .scene import Scene, logged_in
from .watch import Growth

ENDING = ("failure", "stream:error", "xmlstreamend", "success")
BATCH = 25
MAX_GROWTH = 20_000
"""Blocks of memory that a round may add: caches fill up to their bounds."""

GROUP = Jid("120363000000000000", "g.us")
CHANNEL = Jid("120363000000000009", "newsletter")
BOB = Jid("15550002222", "s.whatsapp.net")


async def fire(scene: Scene, stanzas: Sequence[bytes]) -> None:
    """Send stanzas; if one of them ends the connection, all are sent again one by one."""
    for stanza in stanzas:
        scene.wire.say_bytes(stanza)
    if await scene.is_alive():
        return
    await scene.recover()
    if len(stanzas) > 1:
        for stanza in stanzas:
            await fire(scene, [stanza])


async def barrage(scene: Scene, damage: NodeDamage, count: int, chosen: random.Random) -> int:
    """A round; how many inputs it was."""
    calm = [node for node in pushed() if node.tag not in ENDING]
    for start in range(0, count, BATCH):
        batch = []
        for _ in range(BATCH):
            stanza = damage.stanza(chosen.choice(calm))
            batch.append(mutate(stanza, chosen) if chosen.random() < 0.15 else stanza)
        await fire(scene, batch)
        scene.clock.advance(40)
        if start % (BATCH * 4) == 0:
            await scene.receives()
    return count


async def test_no_stanza_harms_a_client_and_none_leaves_anything_behind(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    growth, tried = Growth(), 0
    async with logged_in(tmp_path, 7) as scene:
        for _ in range(3):
            chosen = random.Random(11)
            tried += await barrage(scene, NodeDamage(chosen, pushed()), 1000, chosen)
            growth.mark()
        await scene.receives()
    assert growth.last < MAX_GROWTH, growth.marks
    record_property("hostile", ("sealed stanzas", tried))


async def test_what_ends_a_connection_ends_it_with_a_cause(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chosen = random.Random(12)
    damage = NodeDamage(chosen, pushed())
    ending = [node for node in pushed() if node.tag in ENDING]
    async with logged_in(tmp_path, 8) as scene:
        for number in range(250):
            await fire(scene, [damage.stanza(chosen.choice(ending))])
            if number % 25 == 0:
                await scene.receives()
        assert all(close.cause is not None for close in scene.closes)
        assert scene.client.state is SessionState.CONNECTED
    record_property("hostile", ("ends of streams", 250))


# --- answers -------------------------------------------------------------------------------------


def questions(client: Client) -> Sequence[Callable[[], Awaitable[object]]]:
    """What a program may ask for, of every kind of answer."""
    return (
        lambda: client.groups.info(GROUP, fresh=True),
        lambda: client.groups.all(),
        lambda: client.groups.create("Team", [BOB]),
        lambda: client.groups.add(GROUP, [BOB]),
        lambda: client.groups.promote(GROUP, [BOB]),
        lambda: client.groups.set_subject(GROUP, "New"),
        lambda: client.groups.set_description(GROUP, "About"),
        lambda: client.groups.invite_code(GROUP),
        lambda: client.groups.reset_invite_code(GROUP),
        lambda: client.groups.invite_info("AbCdEfGhIjKlMnOpQrStUv"),
        lambda: client.groups.join("AbCdEfGhIjKlMnOpQrStUv"),
        lambda: client.groups.join_requests(GROUP),
        lambda: client.groups.decide_requests(GROUP, [BOB], approve=True),
        lambda: client.group_rules.reports(GROUP),
        lambda: client.communities.create("Town", "About"),
        lambda: client.communities.sub_groups(GROUP),
        lambda: client.communities.participants(GROUP),
        lambda: client.communities.link(GROUP, [GROUP]),
        lambda: client.contacts.exists(["15550002222", "15550003333"]),
        lambda: client.contacts.about(BOB),
        lambda: client.contacts.username(BOB),
        lambda: client.contacts.picture_url(BOB),
        lambda: client.contacts.device_count(BOB),
        lambda: client.contacts.blocked(),
        lambda: client.contacts.block(BOB),
        lambda: client.privacy.settings(fresh=True),
        lambda: client.privacy.exclusions("last"),
        lambda: client.privacy.set("last", "contacts"),
        lambda: client.business.profile(BOB),
        lambda: client.business.catalog(BOB),
        lambda: client.business.collections(BOB),
        lambda: client.business.order("1", "token"),
        lambda: client.business.verified_name(BOB),
        lambda: client.newsletters.info(CHANNEL),
        lambda: client.newsletters.all(),
        lambda: client.newsletters.search("news"),
        lambda: client.newsletters.follow(CHANNEL),
        lambda: client.newsletters.create("News", "About"),
        lambda: client.server.properties(fresh=True),
        lambda: client.server.bots(),
        lambda: client.presence.subscribe(BOB),
        lambda: client.messages.send_text(BOB, "hello"),
    )


async def ask(question: Callable[[], Awaitable[object]]) -> None:
    with contextlib.suppress(WhatsAppError):
        await question()


async def test_a_damaged_answer_is_an_error_of_its_question_and_no_more(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    growth, asked = Growth(), 0
    async with logged_in(tmp_path, 9) as scene:
        for _ in range(3):
            scene.is_lying = True
            for _ in range(9):
                await asyncio.gather(*map(ask, questions(scene.client)))
                scene.clock.advance(100)
                if not await scene.is_alive():
                    await scene.recover()
            scene.is_lying = False
            await scene.receives()
            growth.mark()
        asked = scene.counts["damaged answers"]
        counts = dict(scene.counts)
    assert growth.last < MAX_GROWTH, growth.marks
    assert asked > 1000, counts
    record_property("hostile", ("damaged answers", asked))
