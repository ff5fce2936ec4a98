"""What was reported as stored survives the process being killed."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from waport.store import Database, UnitOfWork

WRITER = """
import asyncio, sys
from waport.model import Message, MessageKey, MessageKind
from waport.store import Database
from waport.wire import Jid

chat = Jid.parse("15550001111@s.whatsapp.net")

def job(n):
    def run(work):
        key = MessageKey(chat, str(n), False, chat)
        work.signal.put_session("15550001111.0", str(n).encode())
        work.messages.add(Message(key, n, bytes(500), MessageKind.TEXT))
        work.event_log.append("message", "lane", str(n), deliver=True)
        return n
    return run

async def main():
    database = await Database.open(sys.argv[1])
    loop = asyncio.get_running_loop()
    first = 0
    while True:
        jobs = [database.submit("s", job(n)) for n in range(first, first + 40)]
        for future in jobs:
            print(await future, flush=True)
        first += 40

asyncio.run(main())
"""


def write_and_die(url: str, lines: int) -> list[int]:
    """Kill a process that writes once it has reported so many jobs; all that it reported."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as output:
        reported = [int(output.readline()) for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        # What still stood in the pipe was reported too; a last line may be cut off.
        reported += [int(line) for line in output if line.endswith(b"\n")]
    process.wait()
    return reported


@pytest.mark.parametrize("lines", [1, 130, 777])
async def test_what_was_reported_is_there_after_a_kill_and_nothing_is_there_in_part(
    url: str, lines: int
) -> None:
    reported = write_and_die(url, lines)
    # The kill has freed the lock as well.
    database = await Database.open(url)

    def state(work: UnitOfWork) -> tuple[list[int], bytes | None]:
        page = work.messages.page(work.messages.find("0").key.chat, 10**6)  # type: ignore[union-attr]
        return [int(message.key.id) for message in page], work.signal.session("15550001111.0")

    stored, record = await database.read("s", state)
    (due,) = await database.due_deliveries({"s": ()}, 0, lanes=10**6, rows=10**6)
    events = [int(delivery.data) for lane in due.lanes for delivery in lane]
    await database.close()
    assert reported == list(range(len(reported)))
    assert len(stored) >= len(reported)
    assert stored == list(range(len(stored)))[::-1]
    assert events == list(range(len(stored)))
    assert record == str(len(stored) - 1).encode()
