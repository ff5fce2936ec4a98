"""The GraphQL queries about channels: their names and variables. `mex_table` knows their ids.

Source: docs/protocol/newsletters.md, "Queries by id".
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import InvalidInput
from ..model.newsletter import DirectoryView, ReactionMode
from ..wire import Jid

MAX_NAME = 100
"""Characters of a channel's name."""

MAX_DESCRIPTION = 2_048
"""Characters of a channel's description."""

MAX_FOLLOWERS = 1_000
"""People in one answer about followers."""

MAX_PAGE = 100
"""Channels on one page of the directory."""

_MAX_SEARCH = 256


class MexCall(NamedTuple):
    """A query by its name in `mex_table`, with its variables."""

    operation: str
    variables: dict[str, object]


def check_name(name: str) -> None:
    """Raises InvalidInput unless it can be a channel's name."""
    if not name.strip():
        raise InvalidInput("a channel needs a name")
    if len(name) > MAX_NAME:
        raise InvalidInput(f"a channel's name has at most {MAX_NAME} characters")


def check_description(text: str) -> None:
    """Raises InvalidInput unless it can be a channel's description."""
    if len(text) > MAX_DESCRIPTION:
        raise InvalidInput(f"a channel's description has at most {MAX_DESCRIPTION} characters")


# --- the channel ---------------------------------------------------------------------------------


def create(name: str, description: str, picture: bytes | None) -> MexCall:
    """Make a channel. Refused until the terms were agreed to.

    Args:
        picture: a JPEG.

    Raises:
        InvalidInput: a text is empty or too long.
    """
    check_name(name)
    check_description(description)
    wish: dict[str, object] = {"name": name, "description": description}
    if picture is not None:
        wish["picture"] = _base64(picture)
    return MexCall("CreateNewsletter", {"input": wish})


def update(
    channel: Jid,
    *,
    name: str | None = None,
    description: str | None = None,
    picture: bytes | None = None,
    reactions: ReactionMode | None = None,
) -> MexCall:
    """Change a channel; what is None stays, an empty picture takes the picture away.

    Raises:
        InvalidInput: a text is empty or too long.
    """
    updates: dict[str, object] = {}
    if name is not None:
        check_name(name)
        updates["name"] = name
    if description is not None:
        check_description(description)
        updates["description"] = description
    if picture is not None:
        updates["picture"] = _base64(picture)
    if reactions is not None:
        updates["settings"] = {"reaction_codes": {"value": reactions.value}}
    return MexCall("UpdateNewsletter", {"newsletter_id": str(channel), "updates": updates})


def fetch(key: str, *, by_invite: bool) -> MexCall:
    """What a channel is like, by its address or the code of its link."""
    wish = {"key": key, "type": "INVITE" if by_invite else "JID", "view_role": "GUEST"}
    flags = {
        "fetch_viewer_metadata": True,
        "fetch_full_image": True,
        "fetch_creation_time": True,
        "fetch_wamo_sub": False,
    }
    return MexCall("FetchNewsletter", {"input": wish, **flags})


def fetch_all() -> MexCall:
    """All channels that we follow."""
    flags: dict[str, object] = {"fetch_wamo_sub": False, "fetch_status_metadata": False}
    return MexCall("FetchAllNewslettersMetadata", flags)


def of_channel(operation: str, channel: Jid) -> MexCall:
    """A query that has but the channel for a variable: join, leave, delete, lists of people."""
    return MexCall(operation, {"newsletter_id": str(channel)})


def of_person(operation: str, channel: Jid, person: Jid) -> MexCall:
    """A query about somebody's part in a channel: roles and invitations."""
    return MexCall(operation, {"newsletter_id": str(channel), "user_id": str(person.bare)})


def mute(channel: Jid, *, followers: bool, is_on: bool) -> MexCall:
    """Hear no more of what admins do, or of what followers do; or hear of it again."""
    wish = {
        "newsletter_id": str(channel),
        "type": "MUTE_FOLLOWER_ACTIVITY" if followers else "MUTE_ADMIN_ACTIVITY",
        "value": "ON" if is_on else "OFF",
    }
    return MexCall("UpdateNewsletterUserSetting", {"input": wish})


# --- lists ---------------------------------------------------------------------------------------


def followers(channel: Jid, count: int) -> MexCall:
    """Who follows a channel; for its admins, and only those that they may see."""
    wish = {"newsletter_id": str(channel), "count": max(0, min(count, MAX_FOLLOWERS))}
    return MexCall("FetchNewsletterFollowers", {"input": wish})


def reaction_senders(channel: Jid, server_id: int) -> MexCall:
    """Who reacted to a post; for admins."""
    wish = {"id": str(channel), "server_id": str(server_id)}
    return MexCall("FetchNewsletterMessageReactionSenderList", {"input": wish})


def recommended(limit: int, countries: Sequence[str]) -> MexCall:
    """Channels that the platform recommends."""
    wish = {"limit": _page(limit), "country_codes": list(countries)}
    return MexCall("FetchRecommendedNewsletters", {"input": wish})


def directory(view: DirectoryView, limit: int, countries: Sequence[str], cursor: str) -> MexCall:
    """A list of the directory.

    Args:
        cursor: from the page before; empty for the first one.
    """
    wish: dict[str, object] = {
        "view": view.value,
        "filters": {"country_codes": list(countries), "categories": []},
        "limit": _page(limit),
    }
    if cursor:
        wish["start_cursor"] = cursor
    return MexCall("FetchNewsletterDirectoryList", {"input": wish, "fetch_status_metadata": False})


def search(text: str, limit: int, cursor: str) -> MexCall:
    """Channels with a text in their names.

    Raises:
        InvalidInput: the text is too long.
    """
    if len(text) > _MAX_SEARCH:
        raise InvalidInput(f"a search has at most {_MAX_SEARCH} characters")
    wish: dict[str, object] = {"search_text": text, "categories": [], "limit": _page(limit)}
    if cursor:
        wish["start_cursor"] = cursor
    return MexCall(
        "FetchNewsletterDirectorySearchResults", {"input": wish, "fetch_status_metadata": False}
    )


def _page(limit: int) -> int:
    return max(1, min(limit, MAX_PAGE))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
