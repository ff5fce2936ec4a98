"""The GraphQL queries about channels: making, finding, following and changing them.

Source: docs/protocol/newsletters.md, "Queries by id" and "Metadata".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from .accounts import Account, Device, Directory
from .delivery import Deliveries
from .mex import Operation, Variables
from .newsletters import (
    ACTIVE,
    DELETED,
    GEOSUSPENDED,
    GUEST,
    MUTE_ADMIN,
    MUTES,
    OWNER,
    REACTION_MODES,
    SUSPENDED,
    Follower,
    Newsletter,
    Text,
)
from .newsletters_news import NewsletterNews
from .newsletters_nodes import metadata, state
from .profile import check_picture, next_picture_id
from .replies import Asker, Refusal

_MAX_NAME = 100
_MAX_DESCRIPTION = 2_048
_MAX_FOLLOWED = 10_000  # by one account
_MAX_LISTED = 1_000
_LINK = "https://whatsapp.com/channel/"
TERMS = ("20601218", "20601217")
"""Notices of which one must be agreed to before a channel is made."""

_REFUSED_STATES = {SUSPENDED: 403, GEOSUSPENDED: 451, DELETED: 404}


def active(newsletter: Newsletter | None) -> Newsletter:
    """A channel that takes posts and questions.

    Raises:
        Refusal: 404 there is none, 403 or 451 it is suspended.
    """
    if newsletter is None:
        raise Refusal(404)
    if newsletter.state != ACTIVE:
        raise Refusal(_REFUSED_STATES[newsletter.state])
    return newsletter


class NewsletterQueries:
    """Carries out the queries about channels that are not about their admins."""

    def __init__(self, directory: Directory, deliveries: Deliveries, news: NewsletterNews) -> None:
        self._book = directory.newsletters
        self._deliveries = deliveries
        self._news = news

    def operations(self) -> Mapping[str, Operation]:
        """By the names of `mex_table`."""
        return {
            "CreateNewsletter": self._create,
            "UpdateNewsletter": self._update,
            "FetchNewsletter": self._fetch,
            "FetchAllNewslettersMetadata": self._subscribed,
            "JoinNewsletter": self._join,
            "LeaveNewsletter": self._leave,
            "UpdateNewsletterUserSetting": self._setting,
            "MuteNewsletter": self._mute,
            "UnmuteNewsletter": self._unmute,
            "DeleteNewsletter": self._delete,
            "FetchRecommendedNewsletters": self._recommended,
            "FetchNewsletterDirectoryList": self._recommended,
            "FetchNewsletterDirectorySearchResults": self._search,
        }

    # --- making and changing ---------------------------------------------------------------------

    async def _create(self, asker: Asker, variables: Variables) -> object:
        account = asker.account
        # One client has another name for it.
        wish = variables.part("newsletter_input" if "newsletter_input" in variables else "input")
        name = _read_name(wish.text("name"))
        description = _read_description(wish.optional_text("description") or "")
        picture = _read_picture(wish.optional_text("picture") or "")
        if self._deliveries.policy.require_channel_terms and not account.notices & set(TERMS):
            raise Refusal(403)
        if len(self._book.of(account.number)) >= _MAX_FOLLOWED:
            raise Refusal(429)
        newsletter = self._book.create(account.number, name, description, self._now_us())
        if picture is not None:
            newsletter.picture = (next_picture_id(None, self._deliveries.now()), picture)
        self._news.joined(newsletter, account, asker.device)
        return metadata(newsletter, account.number)

    async def _update(self, asker: Asker, variables: Variables) -> object:
        newsletter = self.administered(asker.account, variables)
        updates = variables.part("updates")
        name = updates.optional_text("name")
        description = updates.optional_text("description")
        picture = updates.optional_text("picture")
        mode = _read_reactions(updates)
        told: dict[str, object] = {}
        image = _read_picture(picture) if picture else None
        if name is not None:
            told["name"] = name = _read_name(name)
        if description is not None:
            told["description"] = description = _read_description(description)
        # Only now: nothing has changed if a part of it is refused.
        now = self._now_us()
        if name is not None:
            newsletter.name = Text(name, now)
        if description is not None:
            newsletter.description = Text(description, now)
        if picture is not None:
            number = next_picture_id(newsletter.picture, self._deliveries.now())
            newsletter.picture = None if image is None else (number, image)
            told["picture"] = None if image is None else {"id": number}
        if mode is not None:
            newsletter.reactions = mode
            told["settings"] = {"reaction_codes": {"value": mode}}
        self._news.changed(newsletter, told, asker.device)
        return metadata(newsletter, asker.account.number)

    async def _delete(self, asker: Asker, variables: Variables) -> object:
        newsletter = self.named(variables)
        if newsletter.role(asker.account.number) != OWNER:
            raise Refusal(403)
        self.delete(newsletter, asker.device)
        return state(newsletter)

    def delete(self, newsletter: Newsletter, by: Device | None) -> None:
        """End a channel."""
        followers = list(newsletter.followers)
        self._book.delete(newsletter)
        self._news.state_changed(newsletter, followers, by)

    # --- finding ---------------------------------------------------------------------------------

    async def _fetch(self, asker: Asker, variables: Variables) -> object:
        wish = variables.part("input")
        kind, key = wish.text("type"), wish.text("key")
        if kind == "JID":
            newsletter = self._book.find(wish.jid("key"))
        elif kind == "INVITE":
            newsletter = self._book.by_invite(key.removeprefix(_LINK))
        else:
            raise Refusal(400)
        if newsletter is None:
            raise Refusal(404)
        is_viewer = variables.flag("fetch_viewer_metadata", default=True)
        return metadata(newsletter, asker.account.number if is_viewer else None)

    async def _subscribed(self, asker: Asker, variables: Variables) -> object:
        number = asker.account.number
        return [metadata(newsletter, number) for newsletter in self._book.of(number)]

    async def _recommended(self, asker: Asker, variables: Variables) -> object:
        return self._page(variables, "")

    async def _search(self, asker: Asker, variables: Variables) -> object:
        return self._page(variables, variables.part("input").text("search_text"))

    def _page(self, variables: Variables, text: str) -> object:
        """Channels with this text in their name, the most followed first."""
        wish = variables.part("input")
        limit = wish.number("limit", 20, _MAX_LISTED)
        cursor = wish.optional_text("start_cursor") or "0"
        start = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 10 else 0
        fits = [n for n in self._book if n.state == ACTIVE and text.lower() in n.name.text.lower()]
        fits.sort(key=lambda newsletter: -len(newsletter.followers))
        page = fits[start : start + limit]
        following = start + len(page) if start + len(page) < len(fits) else None
        return {
            "result": [metadata(newsletter, None) for newsletter in page],
            "page_info": {
                "startCursor": str(start),
                "endCursor": None if following is None else str(following),
                "hasNextPage": following is not None,
            },
        }

    # --- following -------------------------------------------------------------------------------

    async def _join(self, asker: Asker, variables: Variables) -> object:
        newsletter, account = self.named(variables), asker.account
        if newsletter.role(account.number) == GUEST:
            if len(self._book.of(account.number)) >= _MAX_FOLLOWED:
                raise Refusal(429)
            since = int(self._deliveries.now())
            self._book.follow(newsletter, Follower(account.number, since=since))
            self._news.joined(newsletter, account, asker.device)
        return metadata(newsletter, account.number)

    async def _leave(self, asker: Asker, variables: Variables) -> object:
        newsletter, account = self.named(variables), asker.account
        if newsletter.role(account.number) == OWNER:
            raise Refusal(403)  # it has to be given to somebody else, or deleted
        if newsletter.role(account.number) != GUEST:
            self._news.left(newsletter, account, asker.device)
            self._book.leave(newsletter, account.number)
            self._deliveries.changed()
        return state(newsletter)

    async def _setting(self, asker: Asker, variables: Variables) -> object:
        wish = variables.part("input")
        kind, value = wish.text("type"), wish.text("value")
        if kind not in MUTES or value not in ("ON", "OFF"):
            raise Refusal(400)
        return self._switch(asker, self.named(wish), kind, is_on=value == "ON")

    async def _mute(self, asker: Asker, variables: Variables) -> object:
        return self._switch(asker, self.named(variables), MUTE_ADMIN, is_on=True)

    async def _unmute(self, asker: Asker, variables: Variables) -> object:
        return self._switch(asker, self.named(variables), MUTE_ADMIN, is_on=False)

    def _switch(self, asker: Asker, newsletter: Newsletter, kind: str, *, is_on: bool) -> object:
        follower = newsletter.followers.get(asker.account.number)
        if follower is None:
            raise Refusal(403)
        if (kind in follower.muted) is not is_on:
            follower.muted ^= {kind}
            self._news.muted(newsletter, asker.account, asker.device)
        return metadata(newsletter, asker.account.number)

    # --- for the queries about admins too --------------------------------------------------------

    def named(self, variables: Variables) -> Newsletter:
        """The channel that a query is about.

        Raises:
            Refusal: 404 there is none, 403 or 451 it is suspended.
        """
        return active(self._book.find(variables.jid("newsletter_id")))

    def administered(self, account: Account, variables: Variables) -> Newsletter:
        """The same, for what only its admins may do (403)."""
        newsletter = self.named(variables)
        if not newsletter.is_admin(account.number):
            raise Refusal(403)
        return newsletter

    def _now_us(self) -> int:
        return int(self._deliveries.now() * 1_000_000)


def _read_name(text: str) -> str:
    if not 0 < len(text.strip()) <= _MAX_NAME:
        raise Refusal(406)
    return text.strip()


def _read_description(text: str) -> str:
    if len(text) > _MAX_DESCRIPTION:
        raise Refusal(406)
    return text


def _read_picture(text: str) -> bytes | None:
    """The JPEG in a base64 text; None for an empty one."""
    if not text:
        return None
    try:
        return check_picture(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as exc:
        raise Refusal(406) from exc


def _read_reactions(updates: Variables) -> str | None:
    if "settings" not in updates or "reaction_codes" not in updates.part("settings"):
        return None
    value = updates.part("settings").part("reaction_codes").text("value").upper()
    if value not in REACTION_MODES:
        raise Refusal(400)
    return value
