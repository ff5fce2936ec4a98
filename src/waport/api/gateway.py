"""The door in front of the framework: every request passes its checks in one fixed order.

Key (401) or, where none is set, origin (403), rate (429), route and method (404), path parameters
(400, 422), the key's scope (403), body (413, 415, 400), the key once more; only then the route
runs, with its own guard and fields. A POST with an Idempotency-Key that was answered before is
answered anew here, before any guard. The key is judged from the headers alone: a caller without it
makes the server read nothing. The framework's own answers are out of reach.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..config import Settings
from ..errors import StoreError
from ..model import ApiKey
from .body import BodyTooLarge, Disconnected, discard_rest, fields_of, is_small, read_body
from .cors import CrossOrigin
from .deps import BODY_KEY, CALLER_KEY, RAW_BODY_KEY
from .envelope import Answer, RawHeaders, problem_answer
from .errors import INTERNAL, HttpError, Problem, forbidden, route_not_found
from .forms import parse_form
from .head import RequestHead
from .idempotency import Repeats, read_key
from .json_body import JsonTop
from .kept_answers import AnswerStore, HeldAnswers
from .keys import OPERATOR, KeyRing
from .limits import RateLimit, check_rate
from .local import local_callers
from .paths import PathTable, read_parameters
from .routes import Operation
from .scopes import check_scope
from .uploads import Uploads, is_multipart

log = logging.getLogger(__name__)

ROUTE_KEY: Final = "waport.operation"
"""Where the framework finds the operation to run."""
MAX_UNREAD: Final = 65_536
"""A connection with more than this of an unwanted body ahead is closed after the answer."""

_CLOSE: Final = (b"connection", b"close")
_NO_PAGE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""For what is called HTML by contract and is none."""

SocketEndpoint = Callable[[str | None, RequestHead, Scope, Receive, Send], Awaitable[None]]
"""Takes the path below the base path (None when it is not below it) and the connection."""


class Gateway:
    """The ASGI application of the server.

    Args:
        settings: base path, proxy, origins, and where files go.
        operations: all routes.
        framework: runs the operation that it finds in the scope under `ROUTE_KEY`.
        socket: serves WebSocket upgrades.
        keys: who may call.
        limit: of requests, if there is one.
        answers: keeps those that may be asked for again; None: until the end of the process.
    """

    def __init__(
        self,
        settings: Settings,
        operations: list[Operation],
        framework: ASGIApp,
        socket: SocketEndpoint,
        keys: KeyRing,
        limit: RateLimit | None,
        answers: AnswerStore | None = None,
    ) -> None:
        self._repeats = Repeats(answers or HeldAnswers())
        self._keys = keys
        self._local = local_callers(settings)
        self._base_path = settings.base_path
        self._trust_proxy = settings.trust_proxy
        self._cors = CrossOrigin(settings.allowed_origins)
        self._rate_limit = limit
        self._framework = framework
        self._socket = socket
        self._uploads = Uploads(settings.media_folder, settings.media_max_bytes)
        self._paths: PathTable[Operation] = PathTable()
        for operation in operations:
            self._paths.add(
                operation.path, operation.method, operation, changes_state=operation.changes_state
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._framework(scope, receive, send)
            return
        head = RequestHead.of(scope["headers"])
        if self._trust_proxy:
            _believe_proxy(scope, head)
        if scope["type"] == "websocket":
            await self._socket(self._below_base(raw_path_of(scope)), head, scope, receive, send)
        else:
            await self._http(head, scope, receive, send)

    async def _http(self, head: RequestHead, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method == "HEAD":
            send = _without_body(send)
        if self._cors.is_on:
            preflight = self._cors.preflight(method, head)
            if preflight is not None:
                await Answer(204, b"", "text/plain", preflight).send(send)
                return
            send = _with_headers(send, self._cors.headers(head))
        try:
            await self._admit(head, scope, receive, send)
        except BodyTooLarge as exc:
            problem = _as_understood(exc.problem, scope)
            await _refuse_body(problem, exc.has_rest, head, receive, send)
        except HttpError as exc:
            await _refuse(_as_understood(exc.problem, scope), head, send)
        except StoreError as exc:
            log.error("a request could not be remembered: %s", exc)
            await _refuse(_as_understood(INTERNAL, scope), head, send)
        except Disconnected:
            return

    async def _admit(self, head: RequestHead, scope: Scope, receive: Receive, send: Send) -> None:
        """Make all checks in their order, then answer.

        Raises:
            HttpError: the first check that failed.
        """
        method = scope["method"]
        raw_path = raw_path_of(scope)
        path = self._below_base(raw_path)
        found = None if path is None else self._paths.find(path)
        operation = None if found is None else found[0].routes.get(method)
        if operation is not None:
            scope[ROUTE_KEY] = operation
        caller = self._keys.holder(head.keys)
        may_call = caller is not None and self._is_local(head, operation)
        # OPTIONS never is an operation, so that it needs the key on open paths, too.
        if not may_call and not (operation is not None and operation.is_open):
            if caller is None and self._rate_limit is not None:
                check_rate(self._rate_limit, scope, None)  # guessing is counted, too
            raise _unauthorized(head) if caller is None else forbidden()
        if self._rate_limit is not None and not (operation is not None and operation.is_probe):
            # Without a key of its own a caller is its address.
            check_rate(self._rate_limit, scope, None if self._keys.is_open else caller)
        if found is None or (operation is None and method != "OPTIONS"):
            raise route_not_found(method, raw_path)
        entry, raw_values = found
        scope["path_params"] = read_parameters(entry.parameters, raw_values)
        scope[CALLER_KEY] = caller or OPERATOR  # open routes alone get here without one
        if operation is not None and caller is not None:
            check_scope(caller, operation, scope["path_params"])
        if operation is None:
            await _list_methods(send, entry.allow)
            return
        repeat_key = read_key(head.repeat_keys) if method == "POST" else None
        if not may_call:
            # Who may not call makes the server read nothing, on open routes neither.
            if _has_much_ahead(head):
                send = _with_headers(send, [_CLOSE])
            await self._run({}, scope, receive, send)
        elif operation.takes_file and is_multipart(head):
            async with self._uploads.open(head, receive, operation.file_field) as form:
                self._check_still(head, caller)
                await self._once(repeat_key, head, form, scope, receive, send)
        else:
            body = await read_body(head, receive)
            self._check_still(head, caller)
            await self._once(repeat_key, head, body, scope, receive, send)

    def _check_still(self, head: RequestHead, caller: ApiKey | None) -> None:
        """Look at the key again: a body may take minutes, and the key be revoked meanwhile.

        Raises:
            HttpError: 401, it opens nothing any more.
        """
        if self._keys.holder(head.keys) != caller:
            raise _unauthorized(head)

    async def _once(
        self,
        key: bytes | None,
        head: RequestHead,
        body: JsonTop,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Run a route, unless its answer is kept under this key."""
        if key is None:
            await self._run(body, scope, receive, send)
            return
        await self._repeats.answer(
            key,
            scope[CALLER_KEY],
            scope[ROUTE_KEY],
            scope["path_params"],
            body,
            send,
            lambda send: self._run(body, scope, receive, send),
            is_small=is_small(head),
        )

    async def _run(self, body: JsonTop, scope: Scope, receive: Receive, send: Send) -> None:
        operation: Operation = scope[ROUTE_KEY]
        fields = fields_of(body)
        if operation.dialect is not None:
            if operation.method == "GET" and not fields:
                fields = fields_of(parse_form(scope["query_string"].decode("latin-1")))
            fields = operation.dialect.read(fields)
        scope[RAW_BODY_KEY] = body
        scope[BODY_KEY] = fields
        await self._framework(scope, receive, send)

    def _below_base(self, raw_path: str) -> str | None:
        """The path after `BASE_PATH`; None when it is not below it."""
        base = self._base_path
        if not base:
            return raw_path
        rest = raw_path[len(base) :]
        return rest if raw_path.startswith(base) and rest.startswith("/") else None

    def _is_local(self, head: RequestHead, operation: Operation | None) -> bool:
        """Whether the request comes from this machine, where that has to stand in for a key."""
        if self._local is None or not self._keys.is_open:
            return True
        changes_state = operation is not None and (
            operation.changes_state or operation.method != "GET"
        )
        return self._local.admits(head, changes_state=changes_state)


def raw_path_of(scope: Scope) -> str:
    """The path as it was sent: undecoded, original case, without the query."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    if not raw.startswith(b"/"):
        # The absolute form that clients use towards a proxy: http://host/path.
        _, mark, rest = raw.partition(b"://")
        raw = b"/" + rest.partition(b"/")[2] if mark else raw
    return raw.decode("utf-8", "replace")


def _as_understood(problem: Problem, scope: Scope) -> Problem:
    """A refusal in the words of the route that was asked, where one was found."""
    operation: Operation | None = scope.get(ROUTE_KEY)
    if operation is None or operation.dialect is None:
        return problem
    return operation.dialect.refuse(problem)


def _unauthorized(head: RequestHead) -> HttpError:
    text = "Invalid API key" if head.keys else "API key is required"
    return HttpError(401, "unauthorized", text)


def _has_much_ahead(head: RequestHead) -> bool:
    """Whether a body follows that is too much to be dropped on the side."""
    length = head.content_length
    return b"transfer-encoding" in head.values or (length is not None and length > MAX_UNREAD)


async def _refuse(problem: Problem, head: RequestHead, send: Send) -> None:
    is_unwanted = problem.status in (401, 403, 429) and _has_much_ahead(head)
    await problem_answer(problem, [_CLOSE] if is_unwanted else None).send(send)


async def _refuse_body(
    problem: Problem, has_rest: bool, head: RequestHead, receive: Receive, send: Send
) -> None:
    """Answer at once, drop what still comes for a while so that the answer is seen, then close."""
    answer = problem_answer(problem, [_CLOSE])
    await send(answer.start)
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    # Who expects to be told to continue sends nothing after a refusal.
    if has_rest and b"expect" not in head.values:
        await discard_rest(receive)
    await send({"type": "http.response.body", "body": b""})


async def _list_methods(send: Send, allow: str) -> None:
    """The answer to OPTIONS."""
    body = allow.encode("ascii")
    headers = [(b"allow", body), *_NO_PAGE]
    await Answer(200, body, "text/html; charset=utf-8", headers).send(send)


def _without_body(send: Send) -> Send:
    """Let an answer's head through only: for HEAD."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head


def _with_headers(send: Send, headers: RawHeaders) -> Send:
    """Add headers to whatever answer comes."""

    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *headers]}
        await send(message)

    return send_more


def _believe_proxy(scope: Scope, head: RequestHead) -> None:
    """Take the caller's address and scheme from the proxy in front.

    A proxy adds the address that it sees to what the caller has sent, which may be made up.
    """
    address = head.text(b"x-forwarded-for").rpartition(",")[2].strip()
    if address:
        scope["client"] = (address, 0)
    scheme = head.text(b"x-forwarded-proto").rpartition(",")[2].strip().lower()
    if scheme in ("http", "https"):
        is_socket = scope["type"] == "websocket"
        scope["scheme"] = scheme.replace("http", "ws") if is_socket else scheme
