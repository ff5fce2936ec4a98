"""Where webhooks that were set over the API may lead to."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from ..client.addresses import AllowList
from ..events.http_post import Guard

NOT_ALLOWED: Final = "not a public address"


class ForbiddenAddress(OSError):
    """A host is none that callers may have requests sent to."""


def webhook_guard(allow: AllowList) -> Guard:
    """Looks a host up, judges its addresses, and gives one that may be connected to.

    Args:
        allow: what may be reached besides public addresses.
    """

    async def address_of(host: str, port: int) -> str:
        found = await asyncio.get_running_loop().getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM
        )
        for *_, address in found:
            if allow.allows(host, port, str(address[0])):
                return str(address[0])
        raise ForbiddenAddress(NOT_ALLOWED)

    return address_of
