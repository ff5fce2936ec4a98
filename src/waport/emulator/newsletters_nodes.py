"""What clients get to see of channels: metadata as JSON, posts as nodes.

Source: docs/protocol/newsletters.md, "Metadata" and "Posts".
"""

from __future__ import annotations

from ..wire import AttrValue, Node
from .newsletters import ACTIVE, GUEST, MUTE_ADMIN, MUTES, Newsletter, Post, Text

PICTURES = "/v/n61"
"""The folder of all channels' pictures."""

EDITED, REVOKED = "3", "8"
"""What `edit` says of a post that an admin has changed, or deleted."""


def metadata(newsletter: Newsletter, viewer: str | None) -> dict[str, object]:
    """Everything about a channel.

    Args:
        newsletter: which one.
        viewer: the number of who asks; None leaves out what it is to them.
    """
    shown: dict[str, object] = {
        "id": str(newsletter.jid),
        "state": {"type": newsletter.state},
        "thread_metadata": thread_metadata(newsletter),
    }
    if viewer is not None:
        shown["viewer_metadata"] = _viewer_metadata(newsletter, viewer)
    return shown


def thread_metadata(newsletter: Newsletter) -> dict[str, object]:
    """What is the same for everybody who looks at a channel. Numbers in it are texts."""
    return {
        "creation_time": str(newsletter.created),
        "invite": newsletter.invite,
        "handle": None,
        "subscribers_count": str(len(newsletter.followers)),
        "verification": "UNVERIFIED",
        "name": _text(newsletter.name),
        "description": _text(newsletter.description),
        # An object also when there is none: Baileys reads its members unasked.
        "picture": _picture(newsletter, "IMAGE"),
        "preview": _picture(newsletter, "PREVIEW"),
        "settings": {"reaction_codes": {"value": newsletter.reactions}},
    }


def state(newsletter: Newsletter) -> dict[str, object]:
    """The least that an answer says of a channel."""
    return {"id": str(newsletter.jid), "state": {"type": newsletter.state}}


def picture_path(newsletter: Newsletter) -> str:
    """Where the picture is served, on any media host; empty when there is none."""
    if newsletter.picture is None:
        return ""
    return f"{PICTURES}/{newsletter.user}/{newsletter.picture[0]}.jpg?ccb=1"


def _viewer_metadata(newsletter: Newsletter, viewer: str) -> dict[str, object]:
    follower = newsletter.followers.get(viewer)
    muted = follower.muted if follower is not None else set()
    settings = [{"type": kind, "value": _switch(kind in muted)} for kind in MUTES]
    role = newsletter.role(viewer) if newsletter.state == ACTIVE else GUEST
    return {"role": role, "mute": _switch(MUTE_ADMIN in muted), "settings": settings}


def _switch(is_on: bool) -> str:
    return "ON" if is_on else "OFF"


def _text(written: Text) -> dict[str, object]:
    return {"id": str(written.t_us), "text": written.text, "update_time": str(written.t_us)}


def _picture(newsletter: Newsletter, kind: str) -> dict[str, object]:
    picture = newsletter.picture
    return {
        "id": "" if picture is None else picture[0],
        "type": kind,
        "direct_path": picture_path(newsletter),
    }


def pushed(newsletter: Newsletter, post: Post, number: str, t: int) -> Node:
    """A post, or a change of one, as the devices of a follower get it.

    Args:
        newsletter: where it was posted.
        post: as it is now.
        number: of the follower.
        t: the time, unix seconds.
    """
    attrs: dict[str, AttrValue] = {
        "id": post.id,
        "from": newsletter.jid,
        "type": post.type,
        "server_id": str(post.server_id),
        "t": str(t),
        **_edit(post),
    }
    if number == post.author:
        attrs["is_sender"] = "true"
    return Node("message", attrs, [_plaintext(post), *_meta(post)])


def listed(post: Post, number: str, *, with_content: bool) -> Node:
    """A post as it stands in a list, with its counters.

    Args:
        post: as it is now.
        number: of who asks.
        with_content: False when only counters are of interest.
    """
    attrs: dict[str, AttrValue] = {
        "id": post.id,
        "server_id": str(post.server_id),
        "t": str(post.t),
        "type": post.type,
        "is_sender": "true" if number == post.author else "false",
        **_edit(post),
    }
    content = [_plaintext(post), *_meta(post)] if with_content else []
    return Node("message", attrs, [*content, *counters(post)])


def counters(post: Post) -> list[Node]:
    """`<reactions>` and `<views_count>`; the first also when there are none any more."""
    reactions = [
        Node("reaction", {"code": code, "count": str(count)})
        for code, count in post.counts().items()
    ]
    return [
        Node("reactions", {}, reactions),
        Node("views_count", {"type": "views", "count": str(len(post.viewers))}),
    ]


def _edit(post: Post) -> dict[str, AttrValue]:
    if post.is_revoked:
        return {"edit": REVOKED}
    return {"edit": EDITED} if post.edited_ms else {}


def _plaintext(post: Post) -> Node:
    attrs: dict[str, AttrValue] = {"mediatype": post.mediatype} if post.mediatype else {}
    return Node("plaintext", attrs, post.plaintext or None)


def _meta(post: Post) -> list[Node]:
    """When a changed post was written first (seconds), and changed last (milliseconds)."""
    if not post.edited_ms:
        return []
    return [Node("meta", {"msg_edit_t": str(post.edited_ms), "original_msg_t": str(post.t)})]
