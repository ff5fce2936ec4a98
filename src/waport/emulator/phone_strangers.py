"""The phone's trusted-contact tokens, and the secret behind its salted ones.

Source: docs/protocol/queries.md, "Privacy tokens".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from ..crypto import RandomBytes
from ..errors import CorruptRecord, InvalidInput
from ..proto import pb
from ..wire import SERVER, Jid, Node
from .appstate import Mutation
from .link import DeviceLink
from .phone_devices import ask
from .saved import Saved

_SALT = 32
_KIND = "trusted_contact"


@dataclass(frozen=True, slots=True)
class _Held:
    t: int
    value: bytes


class PhoneTokens:
    """What the phone knows of tokens; its companions learn it with their history.

    Args:
        link: the way to the server.
        clock: unix seconds.
        random_bytes: for the secret.

    Attributes:
        salt: the secret, 32 bytes; empty until it is made.
    """

    def __init__(
        self, link: DeviceLink, clock: Callable[[], float], random_bytes: RandomBytes = os.urandom
    ) -> None:
        self.salt = b""
        self._link = link
        self._clock = clock
        self._random_bytes = random_bytes
        self._held: dict[Jid, _Held] = {}  # by the giver's LID

    async def give(self, to: Jid, t: int | None = None) -> None:
        """Let somebody begin a chat with this account.

        Args:
            to: whom.
            t: the time of the token, unix seconds; now when None.

        Raises:
            QueryError: the server refused it.
        """
        attrs = {"jid": str(to.bare), "t": str(int(self._clock()) if t is None else t)}
        token = Node("token", {**attrs, "type": _KIND})
        content = [Node("tokens", {}, [token])]
        await ask(
            self._link, Node("iq", {"type": "set", "xmlns": "privacy", "to": SERVER}, content)
        )

    def on_notification(self, notification: Node) -> None:
        """Keep a token that somebody has given this account, unless it is older than that held."""
        giver, tokens = notification.get_jid("sender_lid"), notification.find("tokens")
        for token in tokens.children("token") if tokens is not None else []:
            t = token.get_int("t", 0)
            held = self._held.get(giver.bare) if giver is not None else None
            if giver is None or token.get("type") != _KIND or not isinstance(token.content, bytes):
                continue
            if held is None or t >= held.t:
                self._held[giver.bare] = _Held(t, token.content)

    def conversations(self) -> list[pb.Conversation]:
        """The tokens as a companion's history has them."""
        return [
            pb.Conversation(id=str(giver), tcToken=held.value, tcTokenTimestamp=held.t)
            for giver, held in self._held.items()
        ]

    def new_salt(self, timestamp_ms: int) -> Mutation:
        """Make the secret; what tells companions of it by app state."""
        self.salt = self._random_bytes(_SALT)
        value = pb.SyncActionValue(timestamp=timestamp_ms)
        value.nctSaltSyncAction.salt = self.salt
        return Mutation("SET", ("nct_salt_sync",), value, 1)

    # --- the state folder ------------------------------------------------------------------------

    def dump(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {
            "salt": self.salt.hex(),
            "held": [
                {"giver": str(giver), "t": held.t, "value": held.value.hex()}
                for giver, held in self._held.items()
            ],
        }

    def restore(self, saved: Saved) -> None:
        """Take back what `dump` gave; CorruptRecord when it is something else."""
        self.salt = saved.data("salt")
        for item in saved.parts("held"):
            try:
                giver = Jid.parse(item.text("giver"))
            except InvalidInput as exc:
                raise CorruptRecord("a token of nobody") from exc
            self._held[giver] = _Held(item.number("t"), item.data("value"))
