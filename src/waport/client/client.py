"""One linked device: composes the parts, holds no protocol logic."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

from ..errors import ConnectionClosed
from ..model import Evidence, SessionState
from ..proto import pb
from ..stanza.login import RemoveCompanion
from ..stanza.message import IncomingMessage
from ..store import Database
from ..wire import Jid, Node
from .app_state import AppStateSync
from .audience import Audience
from .background import Background
from .clock import SYSTEM_CLOCK, Clock
from .config import ClientConfig
from .devices import Devices
from .dirty import DirtyData, account_refresher, refreshers
from .dispatch import Dispatcher
from .features.business import Business
from .features.calls import Calls
from .features.chats import Chats
from .features.communities import Communities
from .features.contacts import Contacts
from .features.group_joining import GroupJoining
from .features.group_rules import GroupRules
from .features.groups import Groups
from .features.history import History
from .features.labels import Labels
from .features.media import Media
from .features.messages import Messages
from .features.newsletter_admins import NewsletterAdmins
from .features.newsletter_posts import NewsletterPosts
from .features.newsletters import Newsletters
from .features.presence import Presence
from .features.privacy import Privacy
from .features.profile import Profile
from .features.server import Server
from .features.settings import Settings
from .features.shared import SharedRecords
from .handlers.app_state import key_request_handler, key_share_handler
from .handlers.calls import handle_call
from .handlers.message import MessageHandler, take_phone_answer
from .handlers.notices import Unread
from .handlers.notification import notification_handler
from .handlers.presence import presence_handler
from .handlers.protocol import ProtocolMessages, mappings_taker
from .handlers.receipt import ack_handler, receipt_handler
from .handlers.stream import StreamHandlers
from .history_requests import HistoryRequests
from .history_sync import HistorySync
from .identities import Identities
from .link import Link, OpenCarrier
from .linking import Linking
from .login import Login
from .mex import Mex
from .notice_table import notification_table
from .offline import OfflineQueue
from .peer import Peer
from .placeholders import Placeholders
from .policy import Cause, Close
from .post_watch import PostWatch
from .prekeys import PreKeys
from .presences import Presences
from .queries import Queries
from .reporter import Reporter
from .retries import Retries
from .runner import Runner
from .sending import Sender
from .states import States
from .stray import StrayNodes
from .tokens import Tokens
from .told import Told
from .transport import Transport
from .version import VersionSource
from .work import EventSink, Work

log = logging.getLogger(__name__)


class Client:
    """An account's linked device.

    Args:
        database: where everything is kept.
        session_id: the account's name in it.
        config: where and how to connect.
        sink: gets the domain events.
        versions: names the client version to claim.
        on_state: called on the event loop after every change of state.
        clock: the time.
        open_carrier: opens what carries the bytes to WhatsApp.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        config: ClientConfig,
        sink: EventSink,
        versions: VersionSource,
        *,
        on_state: Callable[[SessionState], None] = lambda _: None,
        clock: Clock = SYSTEM_CLOCK,
        open_carrier: OpenCarrier = Transport.open,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = Queries(config.query_timeout_s, clock=clock)
        background = Background()
        self._reporter = Reporter(database, session_id, sink)
        self._states = States(self._reporter, on_state)
        devices = Devices(database, session_id, self._queries)
        pre_keys = PreKeys(database, session_id, self._queries, clock)
        retries = Retries(database, session_id, self._queries, devices, clock)
        tokens = Tokens(database, session_id, self._queries, clock)
        told = Told()
        self.groups = Groups(database, session_id, self._queries, sink, clock)
        sender = Sender(
            database,
            session_id,
            config,
            self._queries,
            devices,
            sink,
            fetch_group=lambda group: self.groups.ensure([group]),
            told=told,
            clock=clock,
        )
        peer = Peer(database, session_id, self._queries, devices, sender.transmit, clock)
        placeholders = Placeholders(database, session_id, peer, clock)
        audience = Audience(database, session_id, self._queries)
        self.messages = Messages(database, session_id, sender, audience)
        self.mex = Mex(self._queries, config.mex_ids)
        self.group_rules = GroupRules(database, session_id, self._queries, self.mex, clock)
        self.group_joining = GroupJoining(database, session_id, self._queries, self.messages)
        self.communities = Communities(
            database, session_id, self._queries, self.mex, self.groups, clock
        )
        watch = PostWatch(self._queries, background, clock)
        self.newsletters = Newsletters(
            database,
            session_id,
            self._queries,
            self.mex,
            sink,
            NewsletterAdmins(database, session_id, self.mex, self.messages, sink, clock),
            NewsletterPosts(database, session_id, self._queries, sink, watch, clock),
            clock,
        )
        self.media = Media(database, session_id, self._queries, config, clock=clock)
        self.contacts = Contacts(
            database,
            session_id,
            self._queries,
            self.groups.all,
            devices.fetch,
            lambda: self.settings,
            clock,
        )
        self.business = Business(database, session_id, self._queries, self.media)
        self.server = Server(database, session_id, self._queries, clock)
        self.calls = Calls(database, session_id, self._queries)
        self.profile = Profile(database, session_id, self._queries)
        self.privacy = Privacy(database, session_id, self._queries)
        presences = Presences(clock)
        self.presence = Presence(
            database, session_id, self._queries, self._set_online, presences, clock
        )
        self.chats = Chats(
            database, session_id, self._queries, sink, self.privacy.sends_read_receipts, clock
        )
        self.app_state = app_state = AppStateSync(
            database,
            session_id,
            self._queries,
            background,
            sink,
            peer,
            download=self.media.download_blob,
            upload=self.media.upload_blob,
            announce=self.presence.announce,
            clock=clock,
        )
        records = SharedRecords(database, session_id, app_state)
        self.labels = Labels(records, clock)
        self.settings = Settings(records, self.labels)
        requests = HistoryRequests()
        self.history = History(database, session_id, peer, requests, clock)
        history = HistorySync(
            database,
            session_id,
            self._queries,
            peer,
            sink,
            open_blob=self.media.open_history,
            requests=requests,
            announce=self.presence.announce,
            clock=clock,
        )
        self.linking = Linking(
            database,
            session_id,
            config,
            self._queries,
            background,
            sink,
            report=self._reporter.report,
            changed=lambda: self._states.show(self.linking.qr, self.linking.code_shown),
            clock=clock,
        )
        offline = OfflineQueue(background, self._reporter.report, clock)
        unread = Unread()
        stream = StreamHandlers(
            database,
            session_id,
            self._queries,
            self.linking,
            offline,
            on_success=lambda link, node: self._runner.on_success(link, node),
            then=lambda action: self._dispatcher.then(action),
            dirty=DirtyData(
                self._queries,
                background,
                refreshers(
                    account_refresher(database, session_id, self.privacy),
                    app_state.fetch_all,
                    self.groups.all,
                    self.newsletters.all,
                ),
            ),
            keep=StrayNodes(database, session_id, sink, background, unread, clock).keep,
        )
        on_keys = key_share_handler(app_state.keys_shared)
        messages = MessageHandler(
            ProtocolMessages(
                (
                    partial(_take_answer, history),
                    app_state.recoveries.handler(app_state.refresh),
                ),
                mappings_taker(history.take_addresses),
                on_keys,
                key_request_handler(app_state.keys.answer),
                history.take_notice,
            ),
            placeholders.want,
        )
        self._dispatcher = Dispatcher(
            database,
            session_id,
            self._queries,
            sink,
            background,
            work_handlers={
                "message": messages,
                # Newer servers send status posts under a tag of their own.
                "status": messages,
                "receipt": receipt_handler(retries),
                "notification": notification_handler(
                    pre_keys,
                    Identities(tokens),
                    notification_table(
                        unread,
                        of_groups=self.groups.handle_notification,
                        retries=self.media.retries,
                        privacy_changed=self.privacy.on_changed,
                        properties_changed=self.server.on_properties_changed,
                        refresh_app_state=app_state.refresh,
                        refetch_channel=self.newsletters.refetch,
                    ),
                    unread,
                ),
                "call": handle_call,
                "presence": presence_handler(presences),
                "chatstate": presence_handler(presences),
            },
            loop_handlers={
                "success": stream.success,
                "failure": stream.failure,
                "stream:error": stream.stream_error,
                "xmlstreamend": stream.stream_end,
                "iq": stream.iq,
                "ib": stream.ib,
                "error": stream.error,
                "notification": partial(_notification, self.linking, self._submit),
            },
            hold=offline.hold,
            on_message_ack=ack_handler(sender, told, tokens),
            seen_receipt=lambda: self.privacy.read_receipt if config.mark_seen else "",
        )
        login = Login(database, session_id, self._queries, self.presence, pre_keys, sender, clock)
        self._dispatcher.announce = self.presence.announce
        self._runner = Runner(
            database,
            session_id,
            config,
            sink,
            versions,
            queries=self._queries,
            dispatcher=self._dispatcher,
            linking=self.linking,
            login=login,
            offline=offline,
            background=background,
            reporter=self._reporter,
            states=self._states,
            on_link_down=partial(_pause, sender, app_state, history),
            after_login=lambda: (
                pre_keys.watch(),
                placeholders.resume(),
                app_state.resume(),
                *([self.privacy.watch()] if config.mark_seen else []),
                watch.resume(),
                history.resume(),
            ),
            clock=clock,
            open_carrier=open_carrier,
        )

    def _set_online(self, online: bool) -> None:
        self._dispatcher.available = online

    async def _submit(self, link: Link, node: Node) -> None:
        await self._dispatcher.submit(link, node)

    @property
    def state(self) -> SessionState:
        """Where this client stands now."""
        return self._states.now

    @property
    def evidence(self) -> Evidence | None:
        """What shows that its connection lives; None when there is none."""
        return self._runner.evidence

    @property
    def own_jid(self) -> Jid:
        """The own account, bare, by phone number.

        Raises:
            ConnectionClosed: not linked yet.
        """
        if self._reporter.own is None:
            raise ConnectionClosed("not linked")
        return self._reporter.own

    async def run(self) -> Close:
        """Connect and stay connected; returns when that is over for good.

        Raises:
            StoreError: the stored credentials can't be read.
        """
        try:
            return await self._runner.run()
        finally:
            await self.media.close()

    def stop(self) -> None:
        """Make `run` return soon; what is linked stays linked."""
        self._runner.stop()

    async def logout(self, *, silent: bool = False) -> None:
        """Unlink this device from the account; `run` returns after it.

        Args:
            silent: from now on no event tells the end of this link; that is left to the caller,
                even if this fails.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed: the server did not confirm; the link and
                the credentials stay.
        """
        credentials = await self._database.read(self._session_id, lambda store: store.devices.get())
        if credentials is None or credentials.pn is None:
            raise ConnectionClosed("not linked")
        self._runner.silent = silent
        await self._queries.run(RemoveCompanion(credentials.pn))
        # The server may say so too; the first reason counts, so it is told once.
        self._runner.close(Close(Cause.LOGGED_OUT, "logged out"))


def _pause(sender: Sender, app_state: AppStateSync, history: HistorySync) -> None:
    """The connection is gone."""
    sender.pause()
    app_state.pause()
    history.pause()


def _take_answer(
    history: HistorySync, work: Work, incoming: IncomingMessage, answer: pb.ProtocolMessage
) -> None:
    """The phone answers a request of ours."""
    if not history.take_answer(work, answer):
        take_phone_answer(work, incoming, answer)


async def _notification(
    linking: Linking,
    submit: Callable[[Link, Node], Awaitable[None]],
    link: Link,
    node: Node,
) -> None:
    """Linking may need a notification at once; all others change stored state."""
    if not await linking.on_notification(link, node):
        await submit(link, node)
