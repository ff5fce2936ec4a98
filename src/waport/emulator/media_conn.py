"""Where the media hosts are, and the tokens that uploads need.

Source: docs/protocol/messages.md, "Media hosts".
"""

from __future__ import annotations

import os

from ..crypto import RandomBytes, equal, hmac_sha256
from ..wire import AttrValue, Node
from .delivery import Clock
from .policy import Policy
from .replies import Asker, result

_MAX_TOKEN = 200


class MediaConn:
    """Answers the IQs of `w:m`.

    Args:
        policy: names the hosts, and says how long all is good.
        authority: `HOST:PORT` of this server.
        now: the time.
        random_bytes: for tokens.
    """

    def __init__(
        self,
        policy: Policy,
        authority: str,
        now: Clock,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self._policy = policy
        self._authority = authority
        self._now = now
        self._random_bytes = random_bytes
        self._secret = random_bytes(32)

    async def answer(self, asker: Asker, iq: Node) -> Node:
        """The hosts, and a token of its own for each question; older ones stay good."""
        iq.child("media_conn")
        policy = self._policy
        attrs: dict[str, AttrValue] = {
            "auth": self.new_token(asker),
            "ttl": str(policy.media_ttl_s),
            "auth_ttl": str(policy.media_auth_ttl_s),
            "max_buckets": "12",
            "max_manual_retry": "3",
        }
        hosts = [
            Node("host", {"hostname": name, "class": "mms", "type": "fallback"})
            for name in policy.media_hosts or (self._authority,)
        ]
        hosts[0].attrs["type"] = "primary"
        return result(iq, Node("media_conn", attrs, hosts))

    def new_token(self, asker: Asker) -> str:
        """A token for one device, good from now on."""
        expires = int(self._now()) + self._policy.media_auth_ttl_s
        text = f"{asker.account.lid_user}.{asker.device.id}.{expires}.{self._random_bytes(6).hex()}"
        return f"{text}.{self._sign(text)}"

    def allows(self, token: str) -> bool:
        """Whether a token is one of ours and still good."""
        text, _, signature = token.rpartition(".")
        if len(token) > _MAX_TOKEN or not equal(signature.encode(), self._sign(text).encode()):
            return False
        return int(text.split(".")[2]) >= self._now()

    def revoke(self) -> None:
        """From now on no token that was given out is good."""
        self._secret = self._random_bytes(32)

    def _sign(self, text: str) -> str:
        return hmac_sha256(self._secret, text.encode())[:12].hex()
