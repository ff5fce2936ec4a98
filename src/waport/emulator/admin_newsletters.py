"""The part of the admin API that is about channels.

Shapes: docs/emulator.md, "Channels".
"""

from __future__ import annotations

from google.protobuf.json_format import MessageToDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..proto import pb
from ..wire import Jid
from .accounts import Account
from .admin_requests import Refused, body_of, guarded, text_of
from .admin_server import AdminServer, account_of, newsletter_of
from .newsletters import ACTIVE, ADMIN, DELETED, OWNER, STATES, SUBSCRIBER, Newsletter, Post

_MAX_NAME = 1_000


def newsletter_routes(server: AdminServer) -> list[Route]:
    """The routes below `/admin/newsletters`, and what a phone does about channels."""
    api = _Newsletters(server)
    table = [
        ("GET", "/newsletters", api.all),
        ("GET", "/newsletters/{newsletter}", api.one),
        ("POST", "/newsletters/{newsletter}/state", api.state),
        ("POST", "/newsletters/{newsletter}/role", api.role),
        ("POST", "/accounts/{jid}/newsletters", api.create),
        ("POST", "/accounts/{jid}/newsletters/follow", api.follow),
        ("POST", "/accounts/{jid}/newsletters/unfollow", api.unfollow),
        ("POST", "/accounts/{jid}/newsletters/view", api.view),
    ]
    return [
        Route(f"/admin{path}", guarded(handler), methods=[method])
        for method, path, handler in table
    ]


class _Newsletters:
    def __init__(self, server: AdminServer) -> None:
        self._server = server

    async def all(self, request: Request) -> Response:
        shown = [_shown(newsletter) for newsletter in self._server.directory.newsletters]
        return JSONResponse({"newsletters": shown})

    async def one(self, request: Request) -> Response:
        newsletter = self._newsletter(request)
        posts = [_post(post) for post in newsletter.posts.values()]
        return JSONResponse({**_shown(newsletter), "posts": posts})

    async def state(self, request: Request) -> Response:
        newsletter, body = self._newsletter(request), await body_of(request)
        state = text_of(body, "state")
        if state not in STATES or newsletter.state == DELETED:
            raise Refused(400, "there is no such state, or the channel is deleted")
        if state == DELETED:
            self._server.newsletters.queries.delete(newsletter, None)
        elif state != newsletter.state:
            newsletter.state = state
            self._server.newsletters.news.state_changed(newsletter, newsletter.followers)
        return JSONResponse(_shown(newsletter))

    async def role(self, request: Request) -> Response:
        newsletter, body = self._newsletter(request), await body_of(request)
        account, role = account_of(self._server, text_of(body, "account")), text_of(body, "role")
        is_owner = newsletter.role(account.number) == OWNER
        if role not in (OWNER, ADMIN, SUBSCRIBER) or newsletter.state != ACTIVE or is_owner:
            raise Refused(400, "there is no such role, or it is the owner, who must stay one")
        self._server.newsletters.admins.set_role(newsletter, account, role)
        return JSONResponse(_shown(newsletter))

    async def create(self, request: Request) -> Response:
        account, body = self._account(request), await body_of(request)
        name = text_of(body, "name", _MAX_NAME)
        description = body.get("description") or ""
        if not isinstance(description, str):
            raise Refused(400, "description is no text")
        phone = self._server.phone_of(account)
        made = await phone.newsletters.create(name, description)
        newsletter = newsletter_of(self._server, str(made["id"]))
        return JSONResponse(_shown(newsletter), status_code=201)

    async def follow(self, request: Request) -> Response:
        account, jid = self._account(request), await self._named(request)
        await self._server.phone_of(account).newsletters.follow(jid)
        return JSONResponse({"jid": str(jid)})

    async def unfollow(self, request: Request) -> Response:
        account, jid = self._account(request), await self._named(request)
        await self._server.phone_of(account).newsletters.unfollow(jid)
        return JSONResponse({"jid": str(jid)})

    async def view(self, request: Request) -> Response:
        account, body = self._account(request), await body_of(request)
        newsletter = newsletter_of(self._server, text_of(body, "newsletter"))
        ids = body.get("server_ids")
        if not isinstance(ids, list) or not all(type(number) is int for number in ids):
            raise Refused(400, "server_ids is no list of numbers")
        phone = self._server.phone_of(account)
        await phone.newsletters.view(newsletter.jid, ids, phone.outbox.new_id())
        return JSONResponse({"viewed": ids})

    async def _named(self, request: Request) -> Jid:
        body = await body_of(request)
        return newsletter_of(self._server, text_of(body, "newsletter")).jid

    def _newsletter(self, request: Request) -> Newsletter:
        return newsletter_of(self._server, request.path_params["newsletter"])

    def _account(self, request: Request) -> Account:
        return account_of(self._server, request.path_params["jid"])


def _shown(newsletter: Newsletter) -> dict[str, object]:
    return {
        "jid": str(newsletter.jid),
        "invite": newsletter.invite,
        "name": newsletter.name.text,
        "description": newsletter.description.text,
        "state": newsletter.state,
        "followers": {f.number: f.role for f in newsletter.followers.values()},
        "last_server_id": newsletter.last_server_id,
    }


def _post(post: Post) -> dict[str, object]:
    message = pb.Message.FromString(post.plaintext)
    return {
        "server_id": post.server_id,
        "id": post.id,
        "author": post.author,
        "timestamp": post.t,
        "type": post.type,
        "edited": bool(post.edited_ms) and not post.is_revoked,
        "revoked": post.is_revoked,
        "reactions": {number: code for number, (code, _) in post.reactions.items()},
        "views": len(post.viewers),
        "message": MessageToDict(message, preserving_proto_field_name=True),
    }
