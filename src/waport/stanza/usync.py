"""Questions about many users at once (USync), and the first of them: which devices a user has, and
under which hidden id.

Source: docs/protocol/queries.md, "USync".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ProtocolError, query_error
from ..pairing import KeyIndexList, parse_key_index_list
from ..wire import AttrValue, Jid, Node
from .query import Query, iq_get

MAX_DEVICES = 256
"""More devices than the one-byte device number allows are nonsense."""


def question(
    sid: str, protocols: Sequence[Node], users: Sequence[Node], context: str = "interactive"
) -> Node:
    """One page of a `usync` query.

    Args:
        sid: names the question.
        protocols: what is asked.
        users: about whom.
        context: what for.
    """
    attrs: dict[str, AttrValue] = {
        "sid": sid,
        "mode": "query",
        "last": "true",
        "index": "0",
        "context": context,
    }
    parts = [Node("query", {}, list(protocols)), Node("list", {}, list(users))]
    return iq_get("usync", Node("usync", attrs, parts))


def users_in(reply: Node, protocol: str) -> list[Node]:
    """The users of an answer.

    Raises:
        StanzaError: there is no list of them.
        QueryError: the server refused this whole protocol.
    """
    usync = reply.child("usync")
    result = usync.find("result")
    refused = None if result is None else result.find(protocol)
    error = None if refused is None else refused.find("error")
    if error is not None:
        code, backoff = error.get_int("code", 0), error.get_int("backoff", None)
        raise query_error(code, error.get("text") or "", backoff)
    return usync.child("list").children("user")


@dataclass(frozen=True, slots=True)
class UserDevices:
    """What the server told of one user.

    Attributes:
        user: as asked, bare.
        lid: the user's hidden id, if it was told.
        devices: usable device numbers, 0 first; None when the answer for this user is unusable and
            what was known before should be kept.
        exists: False when the server says that there is no such account.
        raw_id: the account's number in its key index list.
        timestamp: of that list, Unix seconds; 0 without one.
    """

    user: Jid
    lid: Jid | None
    devices: tuple[int, ...] | None
    exists: bool
    raw_id: int | None
    timestamp: int


@dataclass(frozen=True, slots=True)
class FetchDevices(Query[list[UserDevices]]):
    """The devices and LIDs of some users (docs/protocol/messages.md, "Device lists")."""

    users: Sequence[Jid]
    sid: str
    context: str = "message"

    def request(self) -> Node:
        """One page of a `usync` query for the protocols `devices` and `lid`."""
        protocols = [Node("devices", {"version": "2"}), Node("lid")]
        users = [Node("user", {"jid": user}) for user in self.users]
        return question(self.sid, protocols, users, self.context)

    def parse(self, reply: Node) -> list[UserDevices]:
        """Users whose entry is unreadable are left out; the others stand.

        Raises:
            StanzaError: there is no list of them.
            QueryError: the server told nobody's devices.
        """
        answers = []
        for user in users_in(reply, "devices"):
            jid = user.get_jid("jid")
            if jid is not None:
                answers.append(_user_devices(jid.bare, user))
        return answers


def _user_devices(jid: Jid, user: Node) -> UserDevices:
    lid_node = user.find("lid")
    lid = lid_node.get_jid("val") if lid_node is not None else None
    if lid is not None and not lid.is_lid:
        lid = None
    devices = user.find("devices")
    listing = devices.find("device-list") if devices is not None else None
    refused = None
    for part in (user, devices, listing):
        if refused is None and part is not None:
            refused = part.find("error")
    if devices is None or listing is None or refused is not None:
        unknown = refused is None or refused.get_int("code", 0) == 404
        return UserDevices(jid, lid, None, not unknown, None, 0)
    index = _key_index_list(devices)
    numbers = _usable_devices(listing, index)
    if index is None:
        return UserDevices(jid, lid, numbers, True, None, 0)
    return UserDevices(jid, lid, numbers, True, index.raw_id, index.timestamp)


def _key_index_list(devices: Node) -> KeyIndexList | None:
    node = devices.find("key-index-list")
    if node is None or not isinstance(node.content, bytes):
        return None
    try:
        return parse_key_index_list(node.content)
    except ProtocolError:
        return None


def _usable_devices(listing: Node, index: KeyIndexList | None) -> tuple[int, ...] | None:
    """Apply the filter rules; None when companions are listed but nothing vouches for them."""
    numbers: list[int] = []
    for device in listing.children("device")[:MAX_DEVICES]:
        number = device.get_int("id", None)
        if number is None or not 0 <= number <= 255 or device.get("is_hosted") == "true":
            continue
        if number == 0:
            numbers.append(0)
            continue
        key_index = device.get_int("key-index", None)
        if key_index is None:
            continue
        if index is None:
            return None
        if index.is_valid_index(key_index):
            numbers.append(number)
    return tuple(sorted(set(numbers)))
