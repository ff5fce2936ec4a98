"""Messages to a channel: posts, their edits and deletion, reactions; and who has seen them.

They are not encrypted. What a post says is checked for being a `Message` and then kept as it is.

Source: docs/protocol/newsletters.md, "Posts" and "Reactions and views".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from google.protobuf.message import DecodeError as ProtobufDecodeError

from ..proto import pb
from ..wire import Node
from .accounts import Account, Device, Directory
from .copies import (
    MALFORMED,
    NO_MEMBER,
    NO_SUCH_CHAT,
    NOT_ACCEPTABLE,
    NOT_ALLOWED,
    NOT_ALLOWED_HERE,
    NOT_ALLOWED_NOW,
    TAKEN,
    Verdict,
)
from .delivery import Deliveries
from .newsletters import ACTIVE, DELETED, GUEST, Newsletter, Post
from .newsletters_news import NewsletterNews
from .newsletters_nodes import EDITED, REVOKED
from .tokens import STRANGER_TAGS

_MAX_PLAINTEXT = 256 * 1024
_MAX_CODE = 64
_MAX_VIEWED = 1_000  # posts in one receipt
_REMOVED = "7"

KnowsFile = Callable[[str], bool]
"""Whether the media host has given this handle to a file of a channel."""


class NewsletterMessages:
    """The server's way with a `<message>` to a channel."""

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        news: NewsletterNews,
        knows_file: KnowsFile,
    ) -> None:
        self._book = directory.newsletters
        self._deliveries = deliveries
        self._news = news
        self._knows_file = knows_file

    def take(self, account: Account, device: Device, node: Node) -> Verdict:
        """Take one message.

        Args:
            account: of the sender.
            device: that sent it, and needs no copy.
            node: the stanza.
        """
        newsletter = self._book.find(node.jid("to"))
        if newsletter is None or newsletter.state == DELETED:
            return Verdict(NO_SUCH_CHAT)
        if newsletter.state != ACTIVE:
            return Verdict(NO_MEMBER)
        if any(child.tag in STRANGER_TAGS for child in node.children()):
            return Verdict(NOT_ALLOWED_HERE)
        if node.get("type") == "reaction":
            return self._react(newsletter, account, node)
        if not newsletter.is_admin(account.number):
            is_guest = newsletter.role(account.number) == GUEST
            return Verdict(NO_MEMBER if is_guest else NOT_ALLOWED_NOW)
        edit = node.get("edit")
        if edit is None:
            return self._post(newsletter, account, device, node)
        if edit in (EDITED, REVOKED):
            return self._change(newsletter, device, node, is_revoked=edit == REVOKED)
        return Verdict(NOT_ALLOWED)

    def known(self, node: Node) -> Verdict:
        """What the ack of a repeated message says: the number that the post has."""
        newsletter = self._book.find(node.get_jid("to"))
        post = newsletter.find(node.get("id", "")) if newsletter is not None else None
        return TAKEN if post is None else _numbered(post)

    def viewed(self, account: Account, receipt: Node) -> None:
        """Take a receipt of type `view`; it counts once for each account."""
        newsletter = self._book.find(receipt.get_jid("to"))
        listed = receipt.find("list")
        if newsletter is None or newsletter.state != ACTIVE or listed is None:
            return
        for item in listed.children("item")[:_MAX_VIEWED]:
            post = newsletter.posts.get(item.get_int("server_id", 0))
            if post is not None and account.number not in post.viewers:
                post.viewers.add(account.number)
                self._counted(newsletter, post)

    # --- posts -----------------------------------------------------------------------------------

    def _post(
        self, newsletter: Newsletter, account: Account, device: Device, node: Node
    ) -> Verdict:
        known = newsletter.find(node.attr("id"))
        if known is not None:
            # From another device of the author it is a repetition; from somebody else a mistake.
            return _numbered(known) if known.author == account.number else Verdict(MALFORMED)
        plaintext = _content(node)
        if plaintext is None:
            return Verdict(MALFORMED)
        handle = node.get("media_id")
        if handle is not None and not self._knows_file(handle):
            return Verdict(NOT_ACCEPTABLE)
        t = int(self._deliveries.now())
        post = Post(
            newsletter.last_server_id + 1,
            node.attr("id"),
            account.number,
            t,
            node.get("type", "text"),
            node.child("plaintext").get("mediatype", ""),
            plaintext,
            changed=t,
        )
        newsletter.add(post)
        self._news.post(newsletter, post, skip=device)
        return _numbered(post)

    def _change(
        self, newsletter: Newsletter, device: Device, node: Node, *, is_revoked: bool
    ) -> Verdict:
        post = newsletter.find(node.attr("id"))
        if post is None or post.is_revoked:
            return Verdict(NO_SUCH_CHAT)
        plaintext = b"" if is_revoked else _content(node)
        if plaintext is None:
            return Verdict(MALFORMED)
        now = self._deliveries.now()
        post.edited_ms = max(int(now * 1000), post.edited_ms + 1)
        post.changed = int(now)
        post.plaintext = plaintext
        post.is_revoked = is_revoked
        if not is_revoked:
            post.type = node.get("type", post.type)
            post.mediatype = node.child("plaintext").get("mediatype", post.mediatype)
        self._news.post(newsletter, post, skip=device)
        return _numbered(post)

    # --- reactions -------------------------------------------------------------------------------

    def _react(self, newsletter: Newsletter, account: Account, node: Node) -> Verdict:
        if newsletter.role(account.number) == GUEST:
            return Verdict(NO_MEMBER)
        post = newsletter.posts.get(node.get_int("server_id", 0))
        if post is None or post.is_revoked:
            return Verdict(NO_SUCH_CHAT)
        reaction = node.find("reaction")
        code = reaction.get("code", "") if reaction is not None else ""
        is_removal = node.get("edit") == _REMOVED
        if reaction is None or is_removal is not (not code) or len(code.encode()) > _MAX_CODE:
            return Verdict(MALFORMED)
        if is_removal:
            post.reactions.pop(account.number, None)
        elif newsletter.takes(code):
            post.reactions[account.number] = (code, int(self._deliveries.now()))
        else:
            return Verdict(NOT_ALLOWED)
        self._counted(newsletter, post)
        return TAKEN

    def _counted(self, newsletter: Newsletter, post: Post) -> None:
        post.changed = int(self._deliveries.now())
        self._news.counted(newsletter, post)
        self._deliveries.changed()


def newsletter_key(node: Node) -> str:
    """What makes two stanzas of one device the same message to a channel.

    An edit has the id of the post that it changes.
    """
    message_id, edit = node.get("id", ""), node.get("edit")
    if edit is None:
        return message_id
    plaintext = node.find("plaintext")
    content = plaintext.content if plaintext is not None else None
    body = content if isinstance(content, bytes) else b""
    return f"{message_id} edit {edit} {hashlib.sha256(body).hexdigest()}"


def _content(node: Node) -> bytes | None:
    """What a post says; None when it is no Message, or too much."""
    plaintext = node.find("plaintext")
    content = plaintext.content if plaintext is not None else None
    if not isinstance(content, bytes) or not 0 < len(content) <= _MAX_PLAINTEXT:
        return None
    try:
        message = pb.Message.FromString(content)
    except ProtobufDecodeError:
        return None
    return content if message.ListFields() else None


def _numbered(post: Post) -> Verdict:
    return Verdict(extra={"server_id": str(post.server_id)})
