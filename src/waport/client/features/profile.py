"""What the account shows of itself: about text, picture, the timer of its new chats."""

from __future__ import annotations

from ...model import OwnAccount, TimerSetting
from ...stanza.contacts import FetchDefaultTimer
from ...stanza.profile import SetAbout, SetDefaultTimer, SetPicture
from ...store import Database, UnitOfWork
from ..people import linked_own
from ..pictures import profile_picture
from ..probe_files import Source
from ..queries import Queries


class Profile:
    """The own profile. What it shows to us is asked for as of anybody (`Contacts`).

    Every method raises what the question may end in: QueryError, QueryTimeout, ConnectionClosed,
    StanzaError; and InvalidInput for arguments that the server would refuse.
    """

    def __init__(self, database: Database, session_id: str, queries: Queries) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries

    async def own(self) -> OwnAccount:
        """The account, as far as this device knows it; nobody is asked.

        Raises:
            ConnectionClosed: this device is not linked.
        """
        return await self._database.read(self._session_id, _own)

    async def set_about(self, text: str) -> None:
        """Set the about text: at most 139 characters; an empty text takes it away."""
        await self._queries.run(SetAbout(text), again=True)

    async def set_picture(self, source: Source) -> str:
        """Show a picture, of which the middle square is taken; the id of the new one.

        Args:
            source: a JPEG, PNG, WebP, GIF or BMP, as bytes or as a file.
        """
        return await self._queries.run(SetPicture(await profile_picture(source)), again=True)

    async def remove_picture(self) -> None:
        """Show no picture any more."""
        await self._queries.run(SetPicture(None), again=True)

    async def default_timer(self) -> TimerSetting:
        """The timer that new chats get."""
        own = await self._database.read(self._session_id, linked_own)
        query = FetchDefaultTimer(own.pn.bare, self._queries.next_id())
        return await self._queries.run(query, again=True)

    async def set_default_timer(self, seconds: int) -> None:
        """Set the timer that new chats get; 0: their messages stay."""
        await self._queries.run(SetDefaultTimer(seconds), again=True)


def _own(store: UnitOfWork) -> OwnAccount:
    own = linked_own(store)
    credentials = store.devices.get()
    assert credentials is not None
    return OwnAccount(
        own.pn.bare,
        None if own.lid is None else own.lid.bare,
        credentials.push_name,
        credentials.platform,
    )
