"""Who may not begin chats with strangers, and who wants none: restrictions, caps and tokens.

An account that has exchanged messages with another is no stranger to it. Nothing here concerns
groups.

Source: docs/protocol/queries.md, "Privacy tokens" and "Restricted accounts".
"""

from __future__ import annotations

from collections.abc import Mapping

from ..crypto import equal
from ..wire import SERVER, Node
from .accounts import Account, ChatCap, Directory, Restriction
from .copies import NO_NEW_CHATS, NOT_ALLOWED_HERE, TOO_MANY_NEW_CHATS
from .delivery import Deliveries
from .mex import Operation, Variables, mex_update
from .notifications import Notifier
from .replies import Asker
from .tokens import (
    STRANGER_TAGS,
    TrustedToken,
    add_token,
    is_good,
    salted_token,
    shown_salted_token,
    shown_token,
)

KIND = "WEB_COMPANION_ONLY"
"""The usual reason of a restriction; the others are about businesses."""

_NO_RESTRICTION = "DEFAULT"
_CAPPED, _NOT_CAPPED = "CAPPED", "NONE"


class Restrictions:
    """Decides about first messages, and about who may look at a guarded account."""

    def __init__(self, directory: Directory, deliveries: Deliveries, notifier: Notifier) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier

    def operations(self) -> Mapping[str, Operation]:
        """The GraphQL queries about one's own limits, by the names of `mex_table`."""
        return {
            "FetchReachoutTimelock": self._fetch_restriction,
            "FetchNewChatMessageCappingInfo": self._fetch_cap,
        }

    # --- tokens ----------------------------------------------------------------------------------

    def give(self, giver: Account, receiver: Account, t: int, value: bytes) -> None:
        """A token lets its receiver begin a chat with its giver; all its devices are told."""
        if giver is receiver:
            return
        add_token(receiver.tokens.setdefault(giver.number, []), TrustedToken(t, value))
        token = Node("token", {"t": str(t), "type": "trusted_contact"}, value)
        told = self._notifier.notification(
            "privacy_token", giver.jid, Node("tokens", {}, [token]), sender_lid=giver.lid
        )
        self._deliveries.post_all(receiver, told)
        self._deliveries.changed()

    def may_look(self, viewer: Account, owner: Account, *holders: Node | None) -> bool:
        """Whether somebody may see picture, about text and presence of an account.

        Args:
            viewer: who asks.
            owner: of what they ask for.
            holders: the elements of the question in which a token may be.
        """
        if viewer is owner or not owner.is_guarded or viewer.number in owner.contacts:
            return True
        shown = shown_token(holders)
        return shown is not None and self._is_good(viewer, owner, shown)

    def _is_good(self, holder: Account, giver: Account, value: bytes) -> bool:
        return is_good(holder.tokens.get(giver.number, ()), value, self._deliveries.now())

    def _shows_token(self, sender: Account, peer: Account, message: Node) -> bool:
        shown = shown_token([message])
        if shown is not None and self._is_good(sender, peer, shown):
            return True
        salted = shown_salted_token(message)
        salt = sender.phone.token_salt if sender.phone is not None else b""
        return bool(salted and salt) and equal(salted_token(salt, peer.lid), salted or b"")

    # --- messages --------------------------------------------------------------------------------

    def refusal(self, sender: Account, peer: Account, message: Node) -> int | None:
        """Why a message to a person is not taken: a code for the ack; None when it is."""
        if peer is sender:  # a note to self, or something for the own phone
            shown = any(child.tag in STRANGER_TAGS for child in message.children())
            return NOT_ALLOWED_HERE if shown else None
        if peer.number in sender.contacts:
            return None
        needs_token = self.is_restricted(sender) or peer.is_guarded
        if needs_token and not self._shows_token(sender, peer, message):
            return NO_NEW_CHATS
        cap = sender.chat_cap
        return TOO_MANY_NEW_CHATS if cap is not None and cap.used >= cap.total else None

    def begun(self, sender: Account, peer: Account) -> None:
        """A message was taken: count it, if it has begun a new chat."""
        if sender.chat_cap is not None and peer.number not in sender.contacts:
            sender.chat_cap.used += 1
            self._tell_cap(sender)

    # --- orders ----------------------------------------------------------------------------------

    def is_restricted(self, account: Account) -> bool:
        """Whether an account may not begin new chats now."""
        restriction = account.restriction
        if restriction is None:
            return False
        return restriction.ends is None or restriction.ends > self._deliveries.now()

    def restrict(self, account: Account, ends: int | None = None, kind: str = KIND) -> None:
        """Let an account begin no new chats; its devices are told.

        Args:
            account: which one.
            ends: unix seconds; None: until it is lifted.
            kind: the reason, as the server calls it.
        """
        account.restriction = Restriction(kind, ends)
        self._tell_restriction(account)

    def lift(self, account: Account) -> None:
        """Let an account begin new chats again."""
        account.restriction = None
        self._tell_restriction(account)

    def cap(self, account: Account, total: int | None, life_s: int = 30 * 86_400) -> None:
        """Let an account begin only so many new chats from now on; None: as many as it likes."""
        now = int(self._deliveries.now())
        account.chat_cap = None if total is None else ChatCap(total, 0, now, now + life_s)
        self._tell_cap(account)

    def guard(self, account: Account, *, is_guarded: bool) -> None:
        """Let strangers write to and look at an account only with a token of it."""
        account.is_guarded = is_guarded
        self._deliveries.changed()

    # --- what an account hears of it -------------------------------------------------------------

    async def _fetch_restriction(self, asker: Asker, variables: Variables) -> object:
        return self._timelock(asker.account)

    async def _fetch_cap(self, asker: Asker, variables: Variables) -> object:
        return self._capping(asker.account)

    def _timelock(self, account: Account) -> dict[str, object]:
        restriction = account.restriction
        if restriction is None or not self.is_restricted(account):
            return {
                "is_active": False,
                "enforcement_type": _NO_RESTRICTION,
                "time_enforcement_ends": "0",
            }
        return {
            "is_active": True,
            "enforcement_type": restriction.kind,
            "time_enforcement_ends": str(restriction.ends or 0),
        }

    @staticmethod
    def _capping(account: Account) -> dict[str, object]:
        cap = account.chat_cap
        if cap is None:
            return {"capping_status": _NOT_CAPPED}
        is_full = cap.used >= cap.total
        return {
            "total_quota": cap.total,
            "used_quota": cap.used,
            "cycle_start_timestamp": str(cap.since),
            "cycle_end_timestamp": str(cap.ends),
            "capping_status": _CAPPED if is_full else _NOT_CAPPED,
        }

    def _tell_restriction(self, account: Account) -> None:
        self._tell(
            account,
            "NotificationUserReachoutTimelockUpdate",
            {"xwa2_notify_account_reachout_timelock": self._timelock(account)},
        )

    def _tell_cap(self, account: Account) -> None:
        self._tell(
            account,
            "MessageCappingInfoNotification",
            {"xwa2_notify_new_chat_messages_capping_info_update": self._capping(account)},
        )

    def _tell(self, account: Account, operation: str, data: Mapping[str, object]) -> None:
        update = mex_update(operation, data, [], is_legacy=False)
        for device in list(account.devices.values()):
            node = self._notifier.notification("mex", SERVER, update)
            self._deliveries.post(account, device, node)
        self._deliveries.changed()
