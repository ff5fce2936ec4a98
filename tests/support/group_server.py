"""An account's groups: a server that answers and notifies as a test says, and what is stored."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import Any

from waport.client.features.groups import Groups
from waport.client.handlers.groups import group_notification_handler
from waport.client.queries import Queries
from waport.model import Chat, Group, GroupChanged, NumberChanged
from waport.wire import Jid, Node, decode_stanza, encode_stanza

from .account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account
from .clock import TIMEOUT_S, FakeClock
from .groups import CAROL_LID, CAROL_PN, GROUP, LIDS, group

EMPTY = Node("iq")
"""The answer that says nothing but that it is done."""
CODE = "AbCdEfGhIjKlMnOpQrStUv"
"""An invite code."""
OWN_KEYS = (OWN_PN.signal_address, OWN_LID.signal_address)


def person(jid: Jid, *children: Node, **attrs: Any) -> Node:
    """`<participant>`."""
    return Node("participant", {"jid": jid, **attrs}, list(children) or None)


def notification(*children: Node, **attrs: Any) -> Node:
    """A notification of the usual group, by the peer."""
    known = {
        "from": GROUP,
        "type": "w:gp2",
        "id": "N1",
        "t": str(NOW - 5),
        "participant": PEER_LID,
        "participant_pn": PEER_PN,
        "addressing_mode": "lid",
    }
    return Node("notification", {**known, **attrs}, list(children))


def answer(jid: Jid = GROUP, **attrs: Any) -> Node:
    """`<group>` with the members of the usual group."""
    people = [
        Node("participant", {"jid": lid, "phone_number": pn, "join_time": "1"})
        for pn, lid in LIDS.items()
    ]
    known = {
        "id": jid.user,
        "subject": "Friends",
        "creation": "1600000000",
        "addressing_mode": "lid",
        "size": "3",
        "p_v_id": "10",
        "a_v_id": "3",
    }
    return Node("group", {**known, **attrs}, people)


def made(*people: Node, **attrs: Any) -> Node:
    """`<group>` as it answers the one who made it."""
    known = {
        "id": GROUP.user,
        "subject": "Friends",
        "creator": OWN_LID.bare,
        "creator_pn": OWN_PN.bare,
        "creation": str(NOW),
        "addressing_mode": "lid",
        "p_v_id": "1",
        "a_v_id": "1",
        "size": "2",
    }
    me = person(OWN_LID.bare, phone_number=OWN_PN.bare, type="superadmin")
    return Node("group", {**known, **attrs}, [me, *people])


def described(*people: Node, **attrs: Any) -> Node:
    """`<group>` as a `<create>` brings it."""
    known = {
        "id": GROUP.user,
        "subject": "Friends",
        "creation": str(NOW - 100),
        "addressing_mode": "lid",
        "p_v_id": "10",
        "a_v_id": "3",
    }
    members = people or (person(PEER_LID, phone_number=PEER_PN), person(OWN_LID.bare))
    return Node("group", {**known, **attrs}, list(members))


Answer = Node | int | None
"""What is inside the result; the code of a refusal; or no answer."""


class GroupServer:
    """Stands in for a `Link` and for the server behind it.

    Attributes:
        asked: the IQs that came, as they arrive.
        answers: what the next ones are answered, in order; `EMPTY` is an empty result.
    """

    def __init__(self, queries: Queries) -> None:
        self.queries = queries
        self.asked: list[Node] = []
        self.answers: deque[Answer] = deque()
        self._news = asyncio.Event()
        queries.attach(self)  # type: ignore[arg-type]

    def will(self, *answers: Answer) -> None:
        """Say how the next questions are answered."""
        self.answers.extend(answers)

    @property
    def children(self) -> list[Node]:
        """What the questions asked."""
        return [node.children()[0] for node in self.asked]

    async def was_asked(self, count: int) -> None:
        """Wait until so many questions came."""
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.asked) < count:
                self._news.clear()
                await self._news.wait()

    def send(self, node: Node) -> None:
        """Take a question."""
        self.asked.append(decode_stanza(encode_stanza(node)))
        self._news.set()
        answer = self.answers.popleft()
        if answer is not None:
            self.reply(node, answer)

    def reply(self, question: Node, answer: Node | int) -> None:
        """Answer a question."""
        attrs = {"id": question.attr("id"), "from": question.attrs["to"], "type": "result"}
        reply = Node("iq", attrs, [] if answer == EMPTY else None)
        if isinstance(answer, int):
            reply = Node(
                "iq",
                {**attrs, "type": "error"},
                [Node("error", {"code": str(answer), "text": "refused"})],
            )
        elif answer != EMPTY:
            reply.content = [answer]
        arrived = decode_stanza(encode_stanza(reply))
        asyncio.get_running_loop().call_soon(self.queries.resolve, arrived)


class StoredGroups:
    """What an account has stored of the usual group."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def put(self, **changes: Any) -> Group:
        """Store the usual group, asked for just now."""
        usual = group(fetched_at=NOW, participants_version="10", info_version="3")
        known = replace(usual, **changes)
        await self.account.write(lambda store: store.groups.put(known))
        return known

    async def find(self, jid: Jid = GROUP) -> Group | None:
        """A stored group."""
        found: Group | None = await self.account.read(lambda store: store.groups.get(jid))
        return found

    async def stored(self, jid: Jid = GROUP) -> Group:
        """A stored group, which must be there."""
        found = await self.find(jid)
        assert found is not None
        return found

    async def chat(self) -> Chat | None:
        """The group's chat."""
        chat: Chat | None = await self.account.read(lambda store: store.chats.get(GROUP))
        return chat

    async def learn(self, *pairs: tuple[Jid, Jid]) -> None:
        """Numbers and their LIDs."""

        def job(store: Any) -> None:
            for pn, lid in pairs:
                store.addresses.learn(pn, lid)

        await self.account.write(job)

    async def learn_all(self) -> None:
        """The numbers of all but Dave."""
        await self.learn((OWN_PN.bare, OWN_LID.bare), (CAROL_PN, CAROL_LID))

    async def lid_of(self, pn: Jid) -> Jid | None:
        """The LID of a number."""
        lid: Jid | None = await self.account.read(lambda store: store.addresses.lid_of(pn))
        return lid

    async def tell_key(self, *addresses: str) -> None:
        """Our sender key is with these devices."""

        def job(store: Any) -> None:
            for address in OWN_KEYS:
                store.sender_keys.put(GROUP, address, b"key")
            store.sender_keys.put(GROUP, PEER_LID.signal_address, b"theirs")
            store.sender_keys.mark_warm(GROUP, addresses)

        await self.account.write(job)

    async def key(self) -> tuple[bool, set[str]]:
        """Whether our sender key is still there, and who has it. The peer's always is."""

        def job(store: Any) -> tuple[bool, set[str]]:
            own = [store.sender_keys.get(GROUP, address) for address in OWN_KEYS]
            assert (own[0] is None) == (own[1] is None)
            assert store.sender_keys.get(GROUP, PEER_LID.signal_address) == b"theirs"
            return own[0] is not None, store.sender_keys.told_devices(GROUP)

        found: tuple[bool, set[str]] = await self.account.read(job)
        return found


class Asking(StoredGroups):
    """The groups of an account, and the server that knows them."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.clock = FakeClock(unix=NOW)
        self.queries = Queries(5, clock=self.clock)
        self.server = GroupServer(self.queries)
        self.groups = self.client()

    def client(self) -> Groups:
        """Groups that have nothing but the store."""
        return Groups(self.account.database, SESSION, self.queries, self.account.sink, self.clock)

    def asked(self) -> Node:
        """The child of the only question."""
        (child,) = self.server.children
        return child


class Hearing(StoredGroups):
    """An account that is notified, and the groups that it wanted to ask for."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.refetched: list[Jid] = []
        self.acknowledged: list[Jid] = []
        self._handler = group_notification_handler(self._refetch, self._acknowledge)

    async def _refetch(self, jid: Jid) -> None:
        self.refetched.append(jid)

    async def _acknowledge(self, jid: Jid) -> None:
        self.acknowledged.append(jid)

    async def hear(self, *children: Node, **attrs: Any) -> list[GroupChanged]:
        """Handle a notification, which must be acked; what it told of the group."""
        node = notification(*children, **attrs)
        before = len(self.account.sink.recorded)
        work = await self.account.handle(self._handler, node)
        (ack,) = work.replies
        assert (ack.tag, ack.get("class"), ack.get("id")) == ("ack", "notification", node.get("id"))
        for follow_up in work.follow_ups:
            await follow_up()
        events = self.account.sink.recorded[before:]
        assert all(isinstance(event, GroupChanged | NumberChanged) for event in events)
        return [event for event in events if isinstance(event, GroupChanged)]
