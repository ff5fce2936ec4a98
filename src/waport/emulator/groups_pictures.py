"""Pictures of groups: the IQs about them, and the page that serves them.

Source: docs/protocol/queries.md, "Profile pictures".
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..wire import Jid, Node
from .accounts import Directory
from .delivery import Deliveries
from .groups_nodes import GroupNews, GroupNodes
from .profile import next_picture_id, picture_node, read_picture
from .replies import Asker, Refusal, result

_FOLDER = "/v/g61"


class GroupPictures:
    """Answers the IQs of `w:profile:picture` whose target is a group.

    Args:
        picture_url: the URL of a path on this server.
    """

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        nodes: GroupNodes,
        news: GroupNews,
        picture_url: Callable[[str], str],
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._nodes = nodes
        self._news = news
        self._picture_url = picture_url

    async def answer(self, asker: Asker, iq: Node) -> Node:
        """Show, set or remove a picture.

        Raises:
            Refusal: 404 no such group or no picture, 403 no member, 401 only admins may change it,
                406 no JPEG.
        """
        group = self._directory.groups.find(iq.jid("target"))
        account = asker.account
        if group is None:
            raise Refusal(404)
        if account.number not in group.members:
            raise Refusal(403)
        if iq.get("type") == "get":
            path = f"{_FOLDER}/{group.user}"
            return result(iq, picture_node(iq, group.picture, path, self._picture_url))
        if not group.may_edit(account.number):
            raise Refusal(401)
        data = read_picture(iq)
        author = self._nodes.address(group, account.number)
        if data is not None:
            picture_id = next_picture_id(group.picture, self._deliveries.now())
            group.picture = (picture_id, data)
            child = Node("set", {"jid": group.jid, "id": picture_id, "author": author})
            self._news.picture(group, account, child)
            return result(iq, Node("picture", {"id": picture_id}))
        if group.picture is not None:
            group.picture = None
            child = Node("delete", {"jid": group.jid, "author": author})
            self._news.picture(group, account, child)
        return result(iq)


def group_picture_route(directory: Directory) -> Route:
    """Serves the pictures of all groups."""

    async def picture(request: Request) -> Response:
        group = directory.groups.find(Jid(request.path_params["group"], "g.us"))
        if group is None or group.picture is None:
            return Response(status_code=404)
        picture_id, data = group.picture
        if request.path_params["name"] != f"{picture_id}.jpg":
            return Response(status_code=404)
        return Response(data, media_type="image/jpeg")

    return Route(_FOLDER + "/{group}/{name}", picture)
