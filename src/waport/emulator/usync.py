"""Answers questions about users: devices, LIDs, whether a number has an account, and more.

Source: docs/protocol/queries.md, "USync" and "Server side"; docs/protocol/messages.md, "Device
lists".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ..wire import AttrValue, Jid, Node
from .accounts import Account, Directory
from .business_nodes import verified_name_node
from .notifications import account_phash, key_index_node
from .policy import Policy
from .privacy import may_see
from .replies import Asker, Refusal, error, result
from .restrictions import Restrictions

_MAX_USERS = 20_000
_MAX_PROTOCOLS = 32
_OLD_SERVER = "@c.us"  # whatsmeow writes the numbers that it asks about as old JIDs
_MAX_DIGITS = 15
_NUMBER = re.compile(r"[0-9]{7,15}")

Protocol = Callable[[Asker, Account], Node | None]
"""What one protocol answers about a user who exists; None leaves the protocol out."""


class USync:
    """Answers the IQs of `usync`."""

    def __init__(self, directory: Directory, policy: Policy, restrictions: Restrictions) -> None:
        self._directory = directory
        self._policy = policy
        self._restrictions = restrictions

    async def answer(self, asker: Asker, iq: Node) -> Node:
        """Answer one query.

        Raises:
            StanzaError: there is no `<usync>`, `<query>` or `<list>`.
            Refusal: too much is asked at once (400).
        """
        question = iq.child("usync")
        # Each protocol once: the answers grow with protocols times users.
        asked = list({node.tag: node for node in question.child("query").children()}.values())
        users = question.child("list").children("user")
        side = question.find("side_list")
        besides = side.children("user") if side is not None else []
        if len(asked) > _MAX_PROTOCOLS or len(users) + len(besides) > _MAX_USERS:
            raise Refusal(400)
        broken = dict(self._policy.usync_errors)
        for protocol in asked:
            if protocol.tag not in _PROTOCOLS and protocol.tag != "contact":
                broken[protocol.tag] = 501
        unknown = [Node(p.tag, {}, [error(broken[p.tag])]) for p in asked if p.tag in broken]
        asked = [protocol for protocol in asked if protocol.tag not in broken]
        content = [
            Node("result", {}, unknown),
            Node("list", {}, self._users(asker, asked, users)),
        ]
        if side is not None:
            content.append(Node("side_list", {}, self._users(asker, asked, besides)))
        kept: dict[str, AttrValue] = {
            name: question.attrs[name]
            for name in ("sid", "index", "last", "mode", "context")
            if name in question.attrs
        }
        return result(iq, Node("usync", kept, content))

    def _users(self, asker: Asker, asked: list[Node], users: list[Node]) -> list[Node]:
        answers = (self._user(asker, asked, user) for user in users)
        return [answer for answer in answers if answer is not None]

    def _user(self, asker: Asker, asked: list[Node], user: Node) -> Node | None:
        contact = next((node for node in asked if node.tag == "contact"), None)
        typed = _typed(user)
        number = _number(typed) if typed is not None else ""
        jid = user.get_jid("jid")
        if typed is not None:
            known = self._policy.aliases.get(number, number)
            account = self._directory.find(known) if _NUMBER.fullmatch(number) else None
        elif jid is not None:
            account = self._directory.by_jid(jid.bare)
        else:
            return None

        attrs: dict[str, AttrValue] = {}
        if jid is not None:
            attrs["jid"] = jid
        elif account is None:
            attrs["jid"] = Jid(_digits(number), "s.whatsapp.net")
        elif contact is not None and contact.get("addressing_mode") == "lid":
            attrs["jid"] = account.lid
            attrs["pn_jid"] = account.jid
        else:
            attrs["jid"] = account.jid

        if account is not None and account.number in self._policy.usync_missing:
            return None
        if account is not None and _knows_devices(user, account):
            return None
        errors = self._policy.usync_user_errors.get(account.number, {}) if account else {}
        is_hidden = account is not None and not self._restrictions.may_look(
            asker.account, account, user, user.find("status"), user.find("picture")
        )
        children: list[Node] = []
        for protocol in asked:
            if protocol.tag in errors:
                children.append(Node(protocol.tag, {}, [error(errors[protocol.tag])]))
            elif is_hidden and protocol.tag == "status":
                children.append(Node("status", {"code": "401"}))
            elif is_hidden and protocol.tag == "picture":
                pass
            elif protocol.tag == "contact":
                children.append(_contact(typed, account))
            elif account is not None:
                handler = _PROTOCOLS.get(protocol.tag)
                node = handler(asker, account) if handler is not None else None
                if node is not None:
                    children.append(node)
            elif protocol.tag == "devices":
                children.append(Node("devices", {}, [error(404)]))
        return Node("user", attrs, children)


def _typed(user: Node) -> bytes | None:
    """What the asker has written as a number."""
    contact = user.find("contact")
    return contact.content if contact is not None and isinstance(contact.content, bytes) else None


def _number(typed: bytes) -> str:
    return typed.decode(errors="replace").removeprefix("+").removesuffix(_OLD_SERVER)


def _digits(number: str) -> str:
    return "".join(c for c in number if c in "0123456789")[:_MAX_DIGITS] or "0"


def _contact(typed: bytes | None, account: Account | None) -> Node:
    if account is not None:
        kind = "in"
    elif typed is None or _NUMBER.fullmatch(_number(typed)):
        kind = "out"
    else:
        kind = "invalid"
    return Node("contact", {"type": kind}, typed or None)


def _knows_devices(user: Node, account: Account) -> bool:
    """Whether the asker's device hash says that nothing has changed."""
    devices = user.find("devices")
    known = devices.get("device_hash") if devices is not None else None
    return known is not None and known in (
        account_phash(account, lid=False),
        account_phash(account, lid=True),
    )


def _devices(asker: Asker, account: Account) -> Node:
    listed = [Node("device", {"id": "0"})]
    for device in account.companions():
        attrs: dict[str, AttrValue] = {"id": str(device.id)}
        if device.key_index is not None:
            attrs["key-index"] = str(device.key_index)
        listed.append(Node("device", attrs))
    hashed: dict[str, AttrValue] = {"hash": account_phash(account, lid=False)}
    children = [Node("device-list", hashed, listed)]
    if len(listed) > 1:
        children += key_index_node(account)
    return Node("devices", {}, children)


def _lid(asker: Asker, account: Account) -> Node:
    return Node("lid", {"val": account.lid})


def _status(asker: Asker, account: Account) -> Node:
    if not may_see(asker.account, account, "status"):
        return Node("status", {"code": "401"})
    text, t = account.about
    return Node("status", {"t": str(t)}, text.encode() if text else None)


def _picture(asker: Asker, account: Account) -> Node | None:
    if account.picture is None or not may_see(asker.account, account, "profile"):
        return None
    return Node("picture", {"id": account.picture[0]})


def _timer(asker: Asker, account: Account) -> Node:
    duration, t = account.default_timer
    return Node("disappearing_mode", {"duration": str(duration), "t": str(t)})


def _business(asker: Asker, account: Account) -> Node:
    known = account.business
    return Node("business", {}, None if known is None else [verified_name_node(known)])


def _username(asker: Asker, account: Account) -> Node:
    return Node("username", {}, account.username.encode() or None)


def _empty(tag: str) -> Protocol:
    """A protocol that no emulated account has anything for."""

    def answer(asker: Asker, account: Account) -> Node:
        return Node(tag)

    return answer


_PROTOCOLS: Mapping[str, Protocol] = {
    "devices": _devices,
    "lid": _lid,
    "status": _status,
    "picture": _picture,
    "disappearing_mode": _timer,
    "business": _business,
    "username": _username,
    "text_status": _empty("text_status"),
    "bot": _empty("bot"),
}
