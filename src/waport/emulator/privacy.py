"""Who may see what: privacy settings, the block list, trusted-contact tokens.

Source: docs/protocol/queries.md, "Privacy settings", "Blocklist" and "Privacy tokens".
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

from ..crypto import RandomBytes
from ..wire import AttrValue, Node
from .accounts import Account, Directory
from .delivery import Deliveries
from .notifications import Notifier
from .replies import Asker, Refusal, result
from .restrictions import Restrictions

_WHO = frozenset({"all", "contacts", "contact_blacklist", "none"})
_ALLOWED: Mapping[str, frozenset[str]] = {
    "last": _WHO,
    "online": frozenset({"all", "match_last_seen"}),
    "profile": _WHO,
    "status": _WHO,
    "groupadd": _WHO,
    "readreceipts": frozenset({"all", "none"}),
    "calladd": frozenset({"all", "known", "contacts"}),
    "messages": frozenset({"all", "contacts"}),
    "defense": frozenset({"off", "on_standard"}),
    "stickers": frozenset({"contacts", "contact_allowlist", "none"}),
    "linked_profiles": _WHO,
    "pix": _WHO,
}
"""What each setting may be set to (docs/protocol/queries.md, "Privacy settings")."""

_EXCEPT = "contact_blacklist"
_NO_HASH = "none"
_MAX_TOKENS = 256
_TOKEN_SIZE = 32


def may_see(viewer: Account, owner: Account, setting: str) -> bool:
    """Whether one account may see what the other keeps under this privacy setting."""
    if viewer is owner:
        return True
    if viewer.number in owner.blocked:
        return False
    value = owner.privacy.get(setting, "all")
    if value == "match_last_seen":
        value = owner.privacy.get("last", "all")
    if value == "none":
        return False
    if value == _EXCEPT and viewer.number in owner.exclusions.get(setting, ()):
        return False
    return value not in ("contacts", _EXCEPT) or viewer.number in owner.contacts


class Privacy:
    """Answers the IQs of `privacy` and `blocklist`."""

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        notifier: Notifier,
        restrictions: Restrictions,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier
        self._restrictions = restrictions
        self._random_bytes = random_bytes

    async def settings(self, asker: Asker, iq: Node) -> Node:
        """Answer an IQ of `privacy`."""
        if iq.get("type") == "set" and (tokens := iq.find("tokens")) is not None:
            return self._issue_tokens(asker, iq, tokens)
        wanted = iq.child("privacy")
        if iq.get("type") == "get":
            if (listed := wanted.find("list")) is not None:
                return self._excluded(asker.account, iq, listed)
            return result(iq, _settings_node(asker.account.privacy))
        changed = {node.attr("name"): node.attr("value") for node in wanted.children("category")}
        if not changed or any(v not in _ALLOWED.get(name, ()) for name, v in changed.items()):
            raise Refusal(400)
        for category in wanted.children("category"):
            self._exclude(asker.account, category)
        asker.account.privacy.update(changed)
        self._notifier.own_devices(asker.account, _settings_node(changed), skip=asker.device)
        self._deliveries.changed()
        return result(iq, _settings_node(changed))

    def _excluded(self, account: Account, iq: Node, listed: Node) -> Node:
        """The people to whom a setting does not apply; without a hash there are none."""
        name = listed.get("name", "")
        numbers = account.exclusions.get(name, set())
        people = [
            Node("user", {"jid": other.lid, "pn_jid": other.jid})
            for other in self._directory.select(numbers)
        ]
        attrs: dict[str, AttrValue] = {"name": name, "value": _EXCEPT}
        if numbers:
            attrs["dhash"] = _people_hash(numbers)
        listing = Node("list", attrs, people)
        return result(iq, Node("privacy", {"addressing_mode": "lid"}, [listing]))

    def _exclude(self, account: Account, category: Node) -> None:
        """Change the list of a category that comes with one.

        Raises:
            Refusal: 409 it is about another state of the list, 400 it names nobody.
        """
        users = category.children("user")
        if category.get("value") != _EXCEPT or (not users and "dhash" not in category.attrs):
            return
        name = category.attr("name")
        numbers = set(account.exclusions.get(name, ()))
        if category.get("dhash") != (_people_hash(numbers) if numbers else _NO_HASH):
            raise Refusal(409)
        for user in users:
            other = self._directory.by_jid(user.jid("jid").bare)
            if other is None or user.get("action") not in ("add", "remove"):
                raise Refusal(400)
            (numbers.add if user.get("action") == "add" else numbers.discard)(other.number)
        account.exclusions[name] = numbers

    async def block_list(self, asker: Asker, iq: Node) -> Node:
        """Answer an IQ of `blocklist`."""
        account = asker.account
        before = self._block_hash(account)
        items = iq.children("item")
        if iq.get("type") == "get":
            if items and items[0].get("dhash") == before:
                return result(iq)
            return result(iq, self._block_node(account, before))
        if not items:
            raise Refusal(400)
        matched = all(item.get("dhash") in (None, before) for item in items)
        blocked = set(account.blocked)
        for item in items:
            other = self._directory.by_jid(item.jid("jid").bare)
            action = item.attr("action")
            if other is None or action not in ("block", "unblock"):
                raise Refusal(400)
            if action == "block":
                blocked.add(other.number)
            else:
                blocked.discard(other.number)
        account.blocked = blocked
        after = self._block_hash(account)
        changes = [
            Node("item", {"jid": item.jid("jid"), "action": item.attr("action")}) for item in items
        ]
        told = Node(
            "blocklist", {"dhash": after, "prev_dhash": before, "action": "modify"}, changes
        )
        self._notifier.own_devices(account, told, skip=asker.device)
        self._deliveries.changed()
        if matched:
            return result(iq, Node("list", {"dhash": after, "matched": "true"}))
        return result(iq, self._block_node(account, after, matched="false"))

    def _issue_tokens(self, asker: Asker, iq: Node, tokens: Node) -> Node:
        asked = tokens.children("token")
        if len(asked) > _MAX_TOKENS:
            raise Refusal(400)
        now = int(self._deliveries.now())
        for token in asked:
            receiver = self._directory.by_jid(token.jid("jid").bare)
            if receiver is not None:
                t = token.get_int("t", now)
                value = self._random_bytes(_TOKEN_SIZE)
                self._restrictions.give(asker.account, receiver, t, value)
        return result(iq)

    def _block_node(self, account: Account, dhash: str, **attrs: str) -> Node:
        items = [
            Node("item", {"jid": other.lid, "pn_jid": other.jid})
            for other in self._directory.select(account.blocked)
        ]
        return Node("list", {"addressing_mode": "lid", "dhash": dhash, **attrs}, items)

    def _block_hash(self, account: Account) -> str:
        joined = ",".join(sorted(account.blocked))
        return hashlib.sha256(joined.encode()).hexdigest()[:16]


def _settings_node(values: dict[str, str]) -> Node:
    return Node(
        "privacy",
        {},
        [Node("category", {"name": name, "value": value}) for name, value in values.items()],
    )


def _people_hash(numbers: set[str]) -> str:
    return hashlib.sha256(" ".join(sorted(numbers)).encode()).hexdigest()[:32]
