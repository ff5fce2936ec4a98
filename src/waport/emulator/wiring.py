"""Makes the server's parts and connects them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..crypto import RandomBytes
from .accounts import Directory
from .business_queries import BusinessQueries
from .calls import CallRouter
from .delivery import Clock, Deliveries
from .dispatcher import Dispatcher
from .faults import Faults
from .gate import ServerGate
from .groups_mex import GroupMex
from .groups_nodes import GroupNews, GroupNodes
from .groups_pictures import GroupPictures
from .groups_queries import Groups
from .local import LocalMedia
from .media import CutOff, MediaHost
from .media_conn import MediaConn
from .media_retry import MediaRetries
from .media_store import HANDLE, NEWSLETTER, MediaStore
from .messages import MessageRouter
from .mex import Mex
from .newsletters_admins import NewsletterAdmins
from .newsletters_lists import NewsletterLists
from .newsletters_messages import NewsletterMessages
from .newsletters_mex import NewsletterQueries
from .newsletters_news import NewsletterNews
from .notifications import Notifier
from .pairing import Pairing
from .passkeys import Passkeys
from .phones import Phones
from .policy import PendingFaults, Policy
from .prekeys import PreKeys
from .presence import Presences
from .privacy import Privacy
from .profile import Profiles
from .queries import Queries
from .receipts import ReceiptRouter
from .registration import WaitingRoom
from .restrictions import Restrictions
from .troubles import Troubles
from .usync import USync


@dataclass(frozen=True, slots=True)
class NewsletterParts:
    """What has to do with channels."""

    queries: NewsletterQueries
    admins: NewsletterAdmins
    lists: NewsletterLists
    messages: NewsletterMessages
    news: NewsletterNews


@dataclass(frozen=True, slots=True)
class Parts:
    """What the emulator itself speaks to."""

    waiting: WaitingRoom
    messages: MessageRouter
    dispatcher: Dispatcher
    phones: Phones
    groups: Groups
    newsletters: NewsletterParts
    restrictions: Restrictions
    faults: Faults
    gate: ServerGate
    media: MediaHost
    passkeys: Passkeys


def wire(
    directory: Directory,
    policy: Policy,
    store: MediaStore,
    *,
    authority: str,
    web_url: str,
    cut_off: CutOff,
    now: Clock,
    changed: Callable[[], None],
    random_bytes: RandomBytes,
) -> Parts:
    """Make all parts of one server.

    Args:
        directory: all accounts.
        policy: what tests may change.
        store: the files of the media host.
        authority: `HOST:PORT` of the server.
        web_url: where its pages are.
        cut_off: breaks off the connection of one client.
        now: the time.
        changed: called after each change that a restart must keep.
        random_bytes: for keys, references and tokens.
    """

    def picture_url(path: str) -> str:
        return web_url + path

    pending = PendingFaults()
    troubles = Troubles(directory)
    deliveries = Deliveries(policy, troubles, now, changed)
    notifier = Notifier(directory, deliveries)
    restrictions = Restrictions(directory, deliveries, notifier)
    presences = Presences(directory, deliveries, restrictions)
    newsletters = _newsletters(directory, deliveries, notifier, store)
    messages = MessageRouter(directory, deliveries, troubles, restrictions, newsletters.messages)
    conn = MediaConn(policy, authority, now, random_bytes)
    media = MediaHost(store, conn, policy, pending, authority, cut_off)
    phones = Phones(deliveries, notifier, LocalMedia(store, authority), policy, random_bytes)
    waiting = WaitingRoom(policy, now, random_bytes)
    passkeys = Passkeys(
        deliveries, notifier, waiting, random_bytes, lambda: policy.link_code_life_s
    )
    pairing = Pairing(directory, deliveries, notifier, waiting, policy, passkeys, notifier.new_id)
    nodes = GroupNodes(directory, deliveries)
    news = GroupNews(directory, deliveries, notifier, nodes)
    groups = Groups(directory, deliveries, nodes, news)
    pictures = GroupPictures(directory, deliveries, nodes, news, picture_url)
    queries = Queries(
        deliveries,
        pairing=pairing,
        pre_keys=PreKeys(directory, deliveries, notifier),
        privacy=Privacy(directory, deliveries, notifier, restrictions, random_bytes),
        profiles=Profiles(
            directory, deliveries, notifier, restrictions, picture_url, pictures.answer
        ),
        groups=groups,
        media=conn,
        usync=USync(directory, policy, restrictions),
        newsletters=newsletters.lists,
        business=BusinessQueries(directory, deliveries, notifier, random_bytes),
        mex=Mex(
            {
                **newsletters.queries.operations(),
                **newsletters.admins.operations(),
                **restrictions.operations(),
                **GroupMex(directory, deliveries, news, groups.communities).operations(),
            }
        ),
    )
    dispatcher = Dispatcher(
        deliveries,
        queries=queries,
        messages=messages,
        receipts=ReceiptRouter(directory, deliveries, newsletters.messages.viewed),
        presences=presences,
        media_retries=MediaRetries(deliveries),
        calls=CallRouter(directory, deliveries, notifier, random_bytes),
        troubles=troubles,
        on_active=phones.greet,
    )
    gate = ServerGate(
        directory,
        deliveries,
        policy=policy,
        faults=pending,
        waiting=waiting,
        pairing=pairing,
        dispatcher=dispatcher,
        presences=presences,
        on_active=phones.greet,
    )
    faults = Faults(directory, deliveries, notifier, pending, troubles, pairing, media)
    return Parts(
        waiting,
        messages,
        dispatcher,
        phones,
        groups,
        newsletters,
        restrictions,
        faults,
        gate,
        media,
        passkeys,
    )


def _newsletters(
    directory: Directory, deliveries: Deliveries, notifier: Notifier, store: MediaStore
) -> NewsletterParts:
    def knows_file(handle: str) -> bool:
        file = store.find(handle.removeprefix(HANDLE))
        return file is not None and file.kind.startswith(NEWSLETTER)

    news = NewsletterNews(directory, deliveries, notifier)
    queries = NewsletterQueries(directory, deliveries, news)
    return NewsletterParts(
        queries,
        NewsletterAdmins(directory, deliveries, news, queries),
        NewsletterLists(directory, deliveries, news),
        NewsletterMessages(directory, deliveries, news, knows_file),
        news,
    )
