"""Channels as JSON values, and back; a part of the state folder's snapshot (`snapshot`)."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import CorruptRecord, InvalidInput
from .newsletters import (
    ADMIN,
    MUTES,
    OWNER,
    REACTION_MODES,
    STATES,
    SUBSCRIBER,
    Follower,
    Newsletter,
    NewsletterBook,
    Post,
    Text,
)
from .saved import Saved


def dump_newsletters(newsletters: Iterable[Newsletter]) -> list[dict[str, object]]:
    """Everything about some channels; no part of it changes afterwards."""
    return [_dump(newsletter) for newsletter in newsletters]


def load_newsletters(saved: Iterable[Saved], book: NewsletterBook) -> None:
    """Put saved channels into the book.

    Raises:
        CorruptRecord: a value is not what `dump_newsletters` makes.
    """
    for item in saved:
        try:
            book.add(_load(item))
        except InvalidInput as exc:
            raise CorruptRecord("a channel was saved twice") from exc


def people(newsletter: Newsletter) -> set[str]:
    """The numbers of everybody whose account a channel must find again."""
    authors = {post.author for post in newsletter.posts.values()}
    reacted = {number for post in newsletter.posts.values() for number in post.reactions}
    return {*newsletter.followers, *newsletter.invited, *authors, *reacted}


def _dump(newsletter: Newsletter) -> dict[str, object]:
    picture = newsletter.picture
    return {
        "user": newsletter.user,
        "name": newsletter.name.text,
        "name_us": newsletter.name.t_us,
        "description": newsletter.description.text,
        "description_us": newsletter.description.t_us,
        "created": newsletter.created,
        "invite": newsletter.invite,
        "reactions": newsletter.reactions,
        "state": newsletter.state,
        "last_server_id": newsletter.last_server_id,
        "picture_id": picture[0] if picture else "",
        "picture": picture[1].hex() if picture else "",
        "followers": [
            {"number": f.number, "role": f.role, "since": f.since, "muted": sorted(f.muted)}
            for f in newsletter.followers.values()
        ],
        "invited": dict(newsletter.invited),
        "posts": [_dump_post(post) for post in newsletter.posts.values()],
    }


def _dump_post(post: Post) -> dict[str, object]:
    return {
        "server_id": post.server_id,
        "id": post.id,
        "author": post.author,
        "t": post.t,
        "type": post.type,
        "mediatype": post.mediatype,
        "plaintext": post.plaintext.hex(),
        "edited_ms": post.edited_ms,
        "is_revoked": post.is_revoked,
        "changed": post.changed,
        "reactions": [
            {"number": number, "code": code, "t": t} for number, (code, t) in post.reactions.items()
        ],
        "viewers": sorted(post.viewers),
    }


def _load(saved: Saved) -> Newsletter:
    invited = saved.part("invited")
    followers = [_load_follower(item) for item in saved.parts("followers")]
    newsletter = Newsletter(
        saved.text("user"),
        Text(saved.text("name"), saved.number("name_us")),
        Text(saved.text("description"), saved.number("description_us")),
        saved.number("created"),
        saved.text("invite"),
        followers={follower.number: follower for follower in followers},
        reactions=saved.text("reactions"),
        state=saved.text("state"),
        invited={number: invited.number(number) for number in invited.names()},
    )
    if picture_id := saved.text("picture_id"):
        newsletter.picture = (picture_id, saved.data("picture"))
    if newsletter.reactions not in REACTION_MODES or newsletter.state not in STATES:
        raise CorruptRecord(f"channel {newsletter.user} cannot be read")
    for item in saved.parts("posts"):
        newsletter.add(_load_post(item))
    newsletter.last_server_id = saved.number("last_server_id")
    return newsletter


def _load_follower(saved: Saved) -> Follower:
    role, muted = saved.text("role"), set(saved.texts("muted"))
    if role not in (OWNER, ADMIN, SUBSCRIBER) or not muted <= set(MUTES):
        raise CorruptRecord("a follower of a channel cannot be read")
    return Follower(saved.text("number"), role, saved.number("since"), muted)


def _load_post(saved: Saved) -> Post:
    return Post(
        saved.number("server_id"),
        saved.text("id"),
        saved.text("author"),
        saved.number("t"),
        saved.text("type"),
        saved.text("mediatype"),
        saved.data("plaintext"),
        edited_ms=saved.number("edited_ms"),
        is_revoked=saved.flag("is_revoked"),
        changed=saved.number("changed"),
        reactions={
            item.text("number"): (item.text("code"), item.number("t"))
            for item in saved.parts("reactions")
        },
        viewers=set(saved.texts("viewers")),
    )
