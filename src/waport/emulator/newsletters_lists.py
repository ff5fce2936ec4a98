"""The IQs of `newsletter`: posts by page, what has changed about them, live updates, own reactions.

Source: docs/protocol/newsletters.md, "Lists of posts".
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import StanzaError
from ..wire import AttrValue, Jid, Node
from .accounts import Directory
from .delivery import Deliveries
from .newsletters import Newsletter, Post
from .newsletters_mex import active
from .newsletters_news import NewsletterNews
from .newsletters_nodes import PICTURES, listed
from .replies import Asker, Refusal, result

_USUAL = 50
_MOST = 300

_Answer = Callable[[Asker, Node, Node], Node]


class NewsletterLists:
    """Answers the IQs of `newsletter`."""

    def __init__(self, directory: Directory, deliveries: Deliveries, news: NewsletterNews) -> None:
        self._book = directory.newsletters
        self._deliveries = deliveries
        self._news = news
        self._answers: dict[tuple[str, str], _Answer] = {
            ("get", "messages"): self._messages,
            ("get", "message_updates"): self._updates,
            ("set", "live_updates"): self._watch,
            ("get", "my_addons"): self._own,
        }

    async def answer(self, asker: Asker, iq: Node) -> Node:
        """Answer one IQ.

        Raises:
            Refusal: 404 there is no such channel, 403 or 451 it is suspended, 400 nobody asks so.
            StanzaError: an attribute is missing or is no number.
        """
        children = iq.children()
        answer = self._answers.get((iq.get("type", ""), children[0].tag)) if children else None
        if answer is None:
            raise Refusal(400)
        return answer(asker, iq, children[0])

    def _messages(self, asker: Asker, iq: Node, wish: Node) -> Node:
        newsletter = self._asked_for(iq, wish)
        posts = _page(wish, list(newsletter.posts.values()))
        nodes = [listed(post, asker.account.number, with_content=True) for post in posts]
        return result(iq, self._listed(newsletter, nodes))

    def _updates(self, asker: Asker, iq: Node, wish: Node) -> Node:
        """What has changed since some time, with the content where that has changed too."""
        newsletter = self._asked_for(iq, wish)
        since = wish.get_int("since", 0)
        changed = [post for post in newsletter.posts.values() if post.changed >= since]
        nodes = [
            listed(post, asker.account.number, with_content=post.content_t >= since)
            for post in _page(wish, changed)
        ]
        return result(iq, Node("message_updates", {}, [self._listed(newsletter, nodes)]))

    def _watch(self, asker: Asker, iq: Node, wish: Node) -> Node:
        newsletter = active(self._book.find(iq.get_jid("to")))
        duration = self._news.watch(newsletter, asker.account, asker.device)
        return result(iq, Node("live_updates", {"duration": str(duration)}))

    def _own(self, asker: Asker, iq: Node, wish: Node) -> Node:
        """One's own reactions, in one channel or in all that one follows."""
        number = asker.account.number
        limit = _count(wish, "limit")
        jid = wish.get_jid("jid") or iq.get_jid("to")
        if jid is not None and jid.is_newsletter:
            newsletters = [active(self._book.find(jid))]
        else:
            newsletters = self._book.of(number)
        found = []
        for newsletter in newsletters:
            posts = [post for post in newsletter.posts.values() if number in post.reactions]
            nodes = [_own_reaction(post, number) for post in posts[-limit:]]
            if nodes:
                found.append(Node("messages", {"jid": newsletter.jid}, nodes))
        return result(iq, Node("my_addons", {}, found))

    def _asked_for(self, iq: Node, wish: Node) -> Newsletter:
        """The channel: by JID or invite code in the question, or whom the IQ is for."""
        if wish.get("type") == "invite":
            return active(self._book.by_invite(wish.attr("key")))
        jid = wish.get_jid("jid") or iq.get_jid("to")
        return active(self._book.find(jid))

    def _listed(self, newsletter: Newsletter, nodes: list[Node]) -> Node:
        attrs: dict[str, AttrValue] = {"jid": newsletter.jid, "t": self._deliveries.t}
        return Node("messages", attrs, nodes)


def _page(wish: Node, posts: list[Post]) -> list[Post]:
    """The newest posts, those before one or those after one; always the older ones first."""
    count = _count(wish, "count")
    before, after = wish.get_int("before"), wish.get_int("after")
    if before is not None:
        posts = [post for post in posts if post.server_id < before]
    if after is not None:
        return [post for post in posts if post.server_id > after][:count]
    return posts[-count:] if count else []


def _count(wish: Node, name: str) -> int:
    count = wish.get_int(name, _USUAL)
    if count < 0:
        raise StanzaError(wish.tag, f"{name} is negative")
    return min(count, _MOST)


def _own_reaction(post: Post, number: str) -> Node:
    code, t = post.reactions[number]
    attrs: dict[str, AttrValue] = {"server_id": str(post.server_id)}
    return Node("message", attrs, [Node("reaction", {"code": code, "t": str(t)})])


def newsletter_picture_route(directory: Directory) -> Route:
    """Serves the pictures of all channels."""

    async def picture(request: Request) -> Response:
        newsletter = directory.newsletters.find(
            Jid(request.path_params["newsletter"], "newsletter")
        )
        if newsletter is None or newsletter.picture is None:
            return Response(status_code=404)
        picture_id, data = newsletter.picture
        if request.path_params["name"] != f"{picture_id}.jpg":
            return Response(status_code=404)
        return Response(data, media_type="image/jpeg")

    return Route(PICTURES + "/{newsletter}/{name}", picture)
