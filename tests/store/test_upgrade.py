"""A database of the version before is brought up to date with everything in it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

from waport.model import Ack, Chat, MessageKind, TimerSetting
from waport.store import Database, UnitOfWork
from waport.store import schema as schema_module
from waport.store.backend import Backend
from waport.wire import Jid

from .conftest import add_on

ANN = Jid.parse("15550001111@s.whatsapp.net")
LID = Jid.parse("100000000000001@lid")
GROUP = Jid.parse("123456789@g.us")


async def test_messages_and_chats_of_before_groups_come_along(url: str) -> None:
    backend = Backend(url)
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(mode=0o700, parents=True)
    folder = Path(schema_module.__file__).with_name("migrations")
    with backend._engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        command.upgrade(config, "0003")
        assert not inspect(connection).has_table("add_ons")
        connection.execute(
            text(
                "INSERT INTO messages (session_id, chat, id, author, sender, timestamp, kind,"
                " content, push_name, ack, pending) VALUES"
                f" ('s', '{GROUP}', 'A', '{LID}', '{LID}', 7, 'text', :content, 'Ann', 3, false)"
            ),
            {"content": b"old"},
        )
        connection.execute(
            text(
                "INSERT INTO chats (session_id, jid, name, unread, timestamp, archived, pinned,"
                f" muted_until) VALUES ('s', '{GROUP}', 'Group', 2, 7, true, false, -1)"
            )
        )
    backend.release()

    database = await Database.open(url)
    message = await database.read("s", lambda work: work.messages.get(GROUP, "A"))
    assert message is not None
    assert (message.key.sender, message.kind, message.ack) == (LID, MessageKind.TEXT, Ack.READ)
    assert (message.content, message.edited_ms, message.edit_id) == (b"old", 0, "")
    assert message.starred is False
    chat = Chat(GROUP, "Group", 2, 7, archived=True, muted_until=-1)
    assert await database.read("s", lambda work: work.chats.all()) == [chat]
    assert await database.read("s", lambda work: work.chats.timer(GROUP)) == TimerSetting()

    def job(work: UnitOfWork) -> bool:
        # What was there before is in the new index.
        work.messages.rename_author(LID, ANN)
        renamed = work.messages.get(GROUP, "A")
        assert renamed is not None
        assert renamed.key.sender == ANN
        return work.add_ons.put(add_on("A"))

    assert await database.write("s", job)
    await database.close()
