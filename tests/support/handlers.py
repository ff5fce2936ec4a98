"""The client's handlers, put together as the client does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from waport.client.audience import Audience
from waport.client.clock import SYSTEM_CLOCK, Clock
from waport.client.config import ClientConfig
from waport.client.devices import Devices
from waport.client.features.messages import Messages
from waport.client.features.privacy import Privacy
from waport.client.handlers.app_state import key_request_handler, key_share_handler
from waport.client.handlers.message import MessageHandler, take_phone_answer
from waport.client.handlers.notices import Unread
from waport.client.handlers.notification import Handler, notification_handler
from waport.client.handlers.protocol import ProtocolMessages, mappings_taker
from waport.client.handlers.receipt import ack_handler
from waport.client.identities import Identities
from waport.client.media_retries import MediaRetries
from waport.client.notice_table import notification_table
from waport.client.prekeys import PreKeys
from waport.client.queries import Queries
from waport.client.sending import FetchGroup, Sender
from waport.client.tokens import Tokens
from waport.client.told import Told
from waport.client.work import Work
from waport.model import MessageKey
from waport.proto import pb
from waport.stanza.history import SyncType
from waport.stanza.message import MessageAck
from waport.wire import Jid, Node

from .account import SESSION, Account

asked_phone: list[tuple[MessageKey, bool]] = []
"""What `handle_message` would have the phone asked for."""

asked_keys: list[tuple[int, tuple[bytes, ...]]] = []
"""The devices that were given app-state keys, and which."""


def _ask(work: Work, key: MessageKey, at_once: bool) -> None:
    del work
    asked_phone.append((key, at_once))


async def _keys_shared() -> None:
    return None


def _announced(work: Work, message_id: str, notice: pb.HistorySyncNotification) -> None:
    work.store.history.add_notice(message_id, notice.syncType, 0, notice.SerializeToString())


def _large_table(work: Work, message_id: str, payload: bytes) -> None:
    work.store.history.add_notice(message_id, SyncType.ADDRESSES, 0, payload)


async def _give_keys(device: int, key_ids: Sequence[bytes]) -> None:
    asked_keys.append((device, tuple(key_ids)))


handle_message = MessageHandler(
    ProtocolMessages(
        (take_phone_answer,),
        mappings_taker(_large_table),
        key_share_handler(_keys_shared),
        key_request_handler(_give_keys),
        _announced,
    ),
    _ask,
)


async def _nothing(*_: Any) -> None:
    return None


def on_notification(account: Account, pre_keys: PreKeys, queries: Queries) -> Handler:
    """The handler of `<notification>`, with the whole table of a client."""
    tokens = Tokens(account.database, SESSION, queries)
    privacy = Privacy(account.database, SESSION, queries)
    unread = Unread()
    table = notification_table(
        unread,
        of_groups=_of_a_group,
        retries=MediaRetries(account.database, SESSION, queries, timeout_s=5),
        privacy_changed=privacy.on_changed,
        properties_changed=properties_changed,
        refresh_app_state=refresh_app_state,
        refetch_channel=_nothing,
    )
    return notification_handler(pre_keys, Identities(tokens), table, unread)


async def properties_changed() -> None:
    """Stands for `Server.on_properties_changed`."""


async def refresh_app_state() -> None:
    """Stands for `AppStateSync.refresh`."""


def _of_a_group(work: Work, node: Node) -> None:
    raise AssertionError("this is not about a group")


class Desk:
    """The sending half of a client."""

    def __init__(
        self,
        account: Account,
        queries: Queries,
        config: ClientConfig,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.account = account
        self.told = Told()
        self.fetched: list[Jid] = []
        self.fetch_group: FetchGroup = self._fetch_nothing
        self.sender = Sender(
            account.database,
            SESSION,
            config,
            queries,
            Devices(account.database, SESSION, queries),
            account.sink,
            fetch_group=lambda group: self.fetch_group(group),
            told=self.told,
            clock=clock,
        )
        audience = Audience(account.database, SESSION, queries)
        self.messages = Messages(account.database, SESSION, self.sender, audience)
        self.tokens = Tokens(account.database, SESSION, queries)
        self._on_ack = ack_handler(self.sender, self.told, self.tokens)

    async def _fetch_nothing(self, group: Jid) -> object:
        self.fetched.append(group)
        return None

    async def acknowledge(self, answer: MessageAck, node: Any) -> Work:
        """The server's answer to a message takes effect."""
        return await self.account.handle(lambda work, _: self._on_ack(work, answer), node)
