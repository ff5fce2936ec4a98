"""Pictures, the about text, the default timer.

Source: docs/protocol/queries.md, "Profile pictures" and "About, push name, text status".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ..wire import AttrValue, Node
from .accounts import Account, Directory
from .delivery import Deliveries
from .notifications import Notifier
from .privacy import may_see
from .replies import Asker, Refusal, result

_JPEG = b"\xff\xd8\xff"
_MAX_PICTURE = 5 * 2**20
_MAX_ABOUT = 139


class Profiles:
    """Answers the IQs of `w:profile:picture`, `status` and `disappearing_mode`.

    Args:
        picture_url: where a picture can be fetched, given its account's number and its id.
    """

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        notifier: Notifier,
        picture_url: Callable[[str], str],
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier
        self._picture_url = picture_url

    async def picture(self, asker: Asker, iq: Node) -> Node:
        """Answer an IQ of `w:profile:picture`."""
        target = iq.get_jid("target")
        if iq.get("type") == "get":
            owner = asker.account if target is None else self._directory.by_jid(target.bare)
            if owner is None:
                raise Refusal(404)
            return self._show_picture(asker, owner, iq)
        if target is not None and self._directory.by_jid(target.bare) is not asker.account:
            raise Refusal(404 if target.is_group else 403)
        child = iq.find("picture")
        if child is None or child.content is None:
            return self._remove_picture(asker, iq)
        data = child.data
        if not data.startswith(_JPEG) or len(data) > _MAX_PICTURE:
            raise Refusal(406)
        return self._set_picture(asker, iq, data)

    def _show_picture(self, asker: Asker, owner: Account, iq: Node) -> Node:
        wanted = iq.child("picture")
        if not may_see(asker.account, owner, "profile"):
            raise Refusal(401)
        if owner.picture is None:
            raise Refusal(404)
        picture_id, data = owner.picture
        if wanted.get("id") == picture_id:
            return result(iq, Node("picture", {"id": picture_id, "status": "304"}))
        path = picture_path(owner, picture_id)
        attrs: dict[str, AttrValue] = {
            "id": picture_id,
            "type": wanted.get("type", "image"),
            "url": self._picture_url(path),
            "direct_path": path,
            "hash": hashlib.sha256(data).hexdigest(),
        }
        return result(iq, Node("picture", attrs))

    def _set_picture(self, asker: Asker, iq: Node, data: bytes) -> Node:
        account = asker.account
        picture_id = str(int(self._deliveries.now()))
        while account.picture is not None and int(picture_id) <= int(account.picture[0]):
            picture_id = str(int(account.picture[0]) + 1)
        account.picture = (picture_id, data)
        child = Node("set", {"jid": account.jid, "id": picture_id, "author": account.jid})
        self._notifier.contacts(account, "picture", child, skip=asker.device)
        self._deliveries.changed()
        return result(iq, Node("picture", {"id": picture_id}))

    def _remove_picture(self, asker: Asker, iq: Node) -> Node:
        account = asker.account
        if account.picture is not None:
            account.picture = None
            child = Node("delete", {"jid": account.jid, "author": account.jid})
            self._notifier.contacts(account, "picture", child, skip=asker.device)
            self._deliveries.changed()
        return result(iq)

    async def about(self, asker: Asker, iq: Node) -> Node:
        """Answer an IQ of `status`: the about text, or who sees status posts."""
        if iq.get("type") == "get":
            iq.child("privacy")
            audience = Node("list", {"type": "contacts", "default": "true"})
            return result(iq, Node("privacy", {}, [audience]))
        child = iq.child("status")
        text = child.text if child.content is not None else ""
        if len(text) > _MAX_ABOUT:
            raise Refusal(406)
        asker.account.about = (text, int(self._deliveries.now()))
        told = Node("set", {}, text.encode())
        self._notifier.contacts(asker.account, "status", told, skip=asker.device)
        self._deliveries.changed()
        return result(iq)

    async def timer(self, asker: Asker, iq: Node) -> Node:
        """Answer an IQ of `disappearing_mode`."""
        duration = iq.child("disappearing_mode").int_attr("duration")
        if not 0 <= duration < 2**32:
            raise Refusal(400)
        t = int(self._deliveries.now())
        asker.account.default_timer = (duration, t)
        child = Node("disappearing_mode", {"duration": str(duration), "t": str(t)})
        self._notifier.own_devices(asker.account, child, skip=asker.device)
        self._deliveries.changed()
        return result(iq)


def picture_path(account: Account, picture_id: str) -> str:
    """The path, with query, of a profile picture on this server."""
    return f"/v/t61/{account.lid_user}/{picture_id}.jpg?ccb=1"
