"""One unit of work: everything that a job of one session reads and writes in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from .add_ons import AddOns
from .addresses import Addresses
from .app_state import AppState
from .app_state_keys import SyncKeys
from .calls import Calls
from .chats import Chats
from .contacts import Contacts
from .devices import Devices
from .event_log import EventLog
from .groups import Groups
from .history import History
from .messages import Messages
from .newsletters import Newsletters
from .raw_stanzas import RawStanzas
from .send_queue import SendQueue
from .sender_keys import SenderKeys
from .signal import Signal
from .statements import Connection
from .suspicion import Suspicion
from .tokens import Tokens
from .wanted_files import WantedFiles
from .wanted_placeholders import WantedPlaceholders


class UnitOfWork:
    """A session's repositories over one transaction. It ends with the job that it was made for.

    Attributes:
        session_id: whose rows the repositories see.
        devices: the credentials of the linked device.
        signal: ratchets, identities and pre-keys.
        sender_keys: the keys of groups, and who was told ours.
        addresses: LID mappings and device lists.
        app_state: the account's app state.
        sync_keys: its keys.
        messages: the messages of all chats.
        add_ons: reactions, votes, answers, pins; and what waits for its message.
        chats: the list of chats, and the timers of their messages.
        groups: what is known of each group.
        newsletters: what is known of each channel and its posts.
        history: what the phone sends of old chats and messages.
        contacts: people's names.
        calls: the latest calls.
        tokens: the privacy tokens of people.
        raw_stanzas: the latest stanzas that mean nothing to this program.
        event_log: what the outside is told.
        send_queue: stanzas that the server does not have yet.
        suspicion: the message at which the server seems to end the stream.
        wanted_files: messages whose files are still to be told of.
        wanted_placeholders: unreadable messages that the phone is still to be asked for.
    """

    __slots__ = (
        "_remembered",
        "add_ons",
        "addresses",
        "app_state",
        "calls",
        "chats",
        "contacts",
        "devices",
        "event_log",
        "groups",
        "history",
        "messages",
        "newsletters",
        "raw_stanzas",
        "send_queue",
        "sender_keys",
        "session_id",
        "signal",
        "suspicion",
        "sync_keys",
        "tokens",
        "wanted_files",
        "wanted_placeholders",
    )

    def __init__(self, db: Connection, session_id: str, now_ms: Callable[[], int]) -> None:
        self.session_id = session_id
        self._remembered = db.remembered
        self.devices = Devices(db, session_id)
        self.signal = Signal(db, session_id, now_ms)
        self.sender_keys = SenderKeys(db, session_id, now_ms)
        self.addresses = Addresses(db, session_id)
        self.app_state = AppState(db, session_id)
        self.sync_keys = SyncKeys(db, session_id)
        self.messages = Messages(db, session_id, now_ms)
        self.add_ons = AddOns(db, session_id, now_ms)
        self.chats = Chats(db, session_id)
        self.groups = Groups(db, session_id)
        self.newsletters = Newsletters(db, session_id)
        self.history = History(db, session_id)
        self.contacts = Contacts(db, session_id)
        self.tokens = Tokens(db, session_id)
        self.calls = Calls(db, session_id)
        self.raw_stanzas = RawStanzas(db, session_id)
        self.event_log = EventLog(db, session_id, now_ms)
        self.send_queue = SendQueue(db, session_id)
        self.suspicion = Suspicion(db, session_id, now_ms)
        self.wanted_files = WantedFiles(db, session_id)
        self.wanted_placeholders = WantedPlaceholders(db, session_id)

    def remembered(self, key: Hashable) -> object | None:
        """What `remember` was given for a key; None when rows behind it may have changed since."""
        return self._remembered.get(self.session_id, key)

    def remember(self, key: Hashable, result: object) -> None:
        """Keep what was just worked out from rows of this session, for later jobs.

        Args:
            key: what it is about.
            result: drawn from the credentials, groups, device lists, address mappings and the
                memory of sender keys, and from nothing else. It must not be changed afterwards.
        """
        self._remembered.keep(self.session_id, key, result)

    def fence(self) -> None:
        """Called once before each job that writes, in the job's transaction.

        One process owns a whole SQLite file by its lock, so there is nothing to check. Where
        several share a database, the session's lease epoch is compared here and `StaleLease`
        raised when another owner has come.
        """
