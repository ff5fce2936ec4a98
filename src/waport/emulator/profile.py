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
from .replies import Asker, Handler, Refusal, result
from .restrictions import Restrictions

_JPEG = b"\xff\xd8\xff"
_MAX_PICTURE = 5 * 2**20
_MAX_ABOUT = 139


class Profiles:
    """Answers the IQs of `w:profile:picture`, `status` and `disappearing_mode`.

    Args:
        picture_url: where a picture can be fetched, given its path.
        group_picture: answers what is about the picture of a group.
    """

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        notifier: Notifier,
        restrictions: Restrictions,
        picture_url: Callable[[str], str],
        group_picture: Handler,
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier
        self._restrictions = restrictions
        self._picture_url = picture_url
        self._group_picture = group_picture

    async def picture(self, asker: Asker, iq: Node) -> Node:
        """Answer an IQ of `w:profile:picture`."""
        target = iq.get_jid("target")
        if target is not None and target.is_group:
            return await self._group_picture(asker, iq)
        if iq.get("type") == "get":
            owner = asker.account if target is None else self._directory.by_jid(target.bare)
            if owner is None:
                raise Refusal(404)
            return self._show_picture(asker, owner, iq)
        if target is not None and self._directory.by_jid(target.bare) is not asker.account:
            raise Refusal(403)
        data = read_picture(iq)
        return (
            self._remove_picture(asker, iq) if data is None else self._set_picture(asker, iq, data)
        )

    def _show_picture(self, asker: Asker, owner: Account, iq: Node) -> Node:
        # Some clients put the token inside `<picture>`, some beside it.
        may_look = self._restrictions.may_look(asker.account, owner, iq.child("picture"), iq)
        if not may_look or not may_see(asker.account, owner, "profile"):
            raise Refusal(401)
        path = f"/v/t61/{owner.lid_user}"
        return result(iq, picture_node(iq, owner.picture, path, self._picture_url))

    def _set_picture(self, asker: Asker, iq: Node, data: bytes) -> Node:
        account = asker.account
        picture_id = next_picture_id(account.picture, self._deliveries.now())
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

    def _audience(self, account: Account) -> Node:
        kind, numbers = account.status_audience
        people = [Node("user", {"jid": other.lid}) for other in self._directory.select(numbers)]
        return Node("list", {"type": kind, "default": "true"}, people)

    async def about(self, asker: Asker, iq: Node) -> Node:
        """Answer an IQ of `status`: the about text, or who sees status posts."""
        if iq.get("type") == "get":
            iq.child("privacy")
            return result(iq, Node("privacy", {}, [self._audience(asker.account)]))
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


def read_picture(iq: Node) -> bytes | None:
    """The JPEG of a question that sets a picture; None when it removes it.

    Raises:
        Refusal: 406 for anything else, or when it is too large.
    """
    child = iq.find("picture")
    if child is None or child.content is None:
        return None
    return check_picture(child.data)


def check_picture(data: bytes) -> bytes:
    """The same bytes, if they look like a JPEG that is not too large.

    Raises:
        Refusal: 406.
    """
    if not data.startswith(_JPEG) or len(data) > _MAX_PICTURE:
        raise Refusal(406)
    return data


def next_picture_id(known: tuple[str, bytes] | None, now: float) -> str:
    """The id of a new picture: the time, but always above the last one."""
    return str(max(int(now), int(known[0]) + 1 if known is not None else 0))


def picture_node(
    iq: Node,
    picture: tuple[str, bytes] | None,
    folder: str,
    picture_url: Callable[[str], str],
) -> Node:
    """The `<picture>` that answers who asks for one.

    Args:
        iq: the question.
        picture: id and bytes.
        folder: the path below which it is served as `ID.jpg`.
        picture_url: the URL of a path.

    Raises:
        Refusal: 404: there is none.
    """
    if picture is None:
        raise Refusal(404)
    wanted = iq.child("picture")
    picture_id, data = picture
    if wanted.get("id") == picture_id:
        return Node("picture", {"id": picture_id, "status": "304"})
    path = f"{folder}/{picture_id}.jpg?ccb=1"
    attrs: dict[str, AttrValue] = {
        "id": picture_id,
        "type": wanted.get("type", "image"),
        "url": picture_url(path),
        "direct_path": path,
        "hash": hashlib.sha256(data).hexdigest(),
    }
    return Node("picture", attrs)
