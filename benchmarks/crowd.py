"""The emulator with a crowd in it: `python -m benchmarks.crowd OPTIONS`.

Groups of hundreds are made here, in the emulator's own process, since one request for each member
and companion would take longer than what is to be measured. The line that says that it is ready is
that of `waport emulator`, with `senders` added: their accounts and their groups.

Each line `{"awake"}` of its input is answered by `{}` once the members' phones sleep, or are awake.
In a measurement they sleep: hundreds of phones that decrypt at once are nothing that the server's
ack waits for, but here they are in one process with it.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Mapping, Sequence

from waport.emulator import Emulator
from waport.emulator.accounts import Account
from waport.emulator.groups import Member


async def run(*, members: int, senders: int, groups: int) -> None:
    """Serve until SIGTERM.

    Args:
        members: accounts with a phone and a silent companion each; they are in every group.
        senders: accounts that nothing is linked to yet.
        groups: for each sender, who is the last member.
    """
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with Emulator() as emulator:
        crowd = [await _member(emulator, place) for place in range(members)]
        told = [await _sender(emulator, crowd, place, groups) for place in range(senders)]
        info = {**emulator.info(), "members": [account.number for account in crowd]}
        print(json.dumps({**info, "senders": told}), flush=True)
        listening = asyncio.create_task(_listen(crowd))
        await ended.wait()
        listening.cancel()


async def _listen(crowd: Sequence[Account]) -> None:
    """Do what is asked until the input ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        is_awake = bool(json.loads(line)["awake"])
        for account in crowd:
            session = account.devices[0].session
            assert session is not None
            if is_awake:
                session.activate()
            else:
                session.hold()
        print("{}", flush=True)


async def _member(emulator: Emulator, place: int) -> Account:
    account = await emulator.create_account(f"1556000{place:04}", f"Member {place}")
    emulator.faults.add_companion(account, emulator.phone_of(account))
    return account


async def _sender(
    emulator: Emulator, crowd: Sequence[Account], place: int, groups: int
) -> Mapping[str, object]:
    account = await emulator.create_account(f"1556100{place:04}", f"Sender {place}")
    return {
        "jid": str(account.jid),
        "groups": [_group(emulator, crowd, account, f"Group {n}") for n in range(groups)],
    }


def _group(emulator: Emulator, crowd: Sequence[Account], sender: Account, subject: str) -> str:
    """Found a group; nobody is told, as if it had been there before everybody came."""
    now, book = int(time.time()), emulator.directory.groups
    group = book.create(crowd[0].number, subject, now, "lid")
    for account in (*crowd[1:], sender):
        book.join(group, Member(account.number, joined=now))
    return str(group.jid)


if __name__ == "__main__":
    asyncio.run(run(**json.loads(sys.argv[1])))
