"""Privacy tokens: the youngest counts, and giving ours is remembered apart from it."""

from __future__ import annotations

from waport.model import PrivacyToken
from waport.store import Database, UnitOfWork
from waport.wire import Jid

ANN = Jid.parse("100000000000001@lid")
BOB = Jid.parse("15550002222@s.whatsapp.net")


async def test_the_youngest_token_counts(database: Database) -> None:
    def job(work: UnitOfWork) -> list[tuple[bool, PrivacyToken | None]]:
        puts = ((b"a", 100), (b"b", 99), (b"c", 100), (b"d", 101))
        return [
            (work.tokens.put(ANN, token, at), work.tokens.get(ANN.with_device(3)))
            for token, at in puts
        ]

    assert await database.write("s", job) == [
        (True, PrivacyToken(ANN, b"a", 100)),
        (False, PrivacyToken(ANN, b"a", 100)),
        (True, PrivacyToken(ANN, b"c", 100)),
        (True, PrivacyToken(ANN, b"d", 101)),
    ]
    assert await database.read("s", lambda work: work.tokens.get(BOB)) is None
    assert await database.read("else", lambda work: work.tokens.get(ANN)) is None


async def test_a_token_and_the_giving_of_ours_leave_each_other_alone(database: Database) -> None:
    def job(work: UnitOfWork) -> list[PrivacyToken | None]:
        work.tokens.mark_given(ANN.with_device(3), 50)
        seen = [work.tokens.get(ANN)]
        work.tokens.put(ANN, b"a", 100)
        work.tokens.mark_given(ANN, 40)
        seen.append(work.tokens.get(ANN))
        work.tokens.mark_given(ANN, 60)
        work.tokens.put(ANN, b"b", 101)
        seen.append(work.tokens.get(ANN))
        return seen

    assert await database.write("s", job) == [
        PrivacyToken(ANN, b"", 0, 50),
        PrivacyToken(ANN, b"a", 100, 50),
        PrivacyToken(ANN, b"b", 101, 60),
    ]
