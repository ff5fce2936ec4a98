"""What the phone does about channels: makes, follows and runs them.

Source: docs/protocol/newsletters.md, "GraphQL" and "Queries by id".
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..errors import StanzaError, query_error
from ..wire import SERVER, Jid, Node
from .link import DeviceLink
from .mex import to_json
from .mex_table import IDS
from .phone_devices import ask


class PhoneNewsletters:
    """Asks the server, as any client would.

    Every method raises QueryError when the server refuses.
    """

    def __init__(self, link: DeviceLink) -> None:
        self._link = link

    async def create(self, name: str, description: str = "") -> Mapping[str, object]:
        """Make a channel; its metadata."""
        wish = {"name": name, "description": description}
        return await self._ask("CreateNewsletter", {"input": wish})

    async def follow(self, newsletter: Jid) -> Mapping[str, object]:
        """Follow a channel; its metadata."""
        return await self._ask("JoinNewsletter", {"newsletter_id": str(newsletter)})

    async def unfollow(self, newsletter: Jid) -> None:
        """Follow it no more."""
        await self._ask("LeaveNewsletter", {"newsletter_id": str(newsletter)})

    async def update(self, newsletter: Jid, **updates: object) -> Mapping[str, object]:
        """Change `name`, `description`, `picture` (base64) or `settings`; the metadata."""
        wish = {"newsletter_id": str(newsletter), "updates": updates}
        return await self._ask("UpdateNewsletter", wish)

    async def delete(self, newsletter: Jid) -> None:
        """End it."""
        await self._ask("DeleteNewsletter", {"newsletter_id": str(newsletter)})

    async def view(self, newsletter: Jid, server_ids: list[int], receipt_id: str) -> None:
        """Look at posts."""
        items = [Node("item", {"server_id": str(number)}) for number in server_ids]
        attrs = {"id": receipt_id, "type": "view"}
        listed = [Node("list", {}, items)]
        await self._link.send(Node("receipt", {**attrs, "to": newsletter}, listed))

    async def _ask(self, operation: str, variables: Mapping[str, object]) -> Mapping[str, object]:
        query = Node("query", {"query_id": IDS[operation]}, to_json({"variables": variables}))
        iq = Node("iq", {"type": "get", "xmlns": "w:mex", "to": SERVER}, [query])
        answer = json.loads((await ask(self._link, iq)).child("result").data)
        for problem in answer.get("errors", ()):
            raise query_error(problem["extensions"]["error_code"], problem["message"])
        (found,) = answer["data"].values()
        if not isinstance(found, Mapping):
            raise StanzaError("result", "no object in the answer")
        return found
