"""Channels as the server describes them: metadata, people, pages of the directory.

Source: docs/protocol/newsletters.md, "Metadata".
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..errors import InvalidInput, MexError
from ..model.newsletter import (
    CHANNEL_LINK,
    ChannelPage,
    ChannelPerson,
    ChannelState,
    Newsletter,
    ReactionSenders,
)
from ..wire import Jid
from .groups import person_or_none
from .json_values import JsonObject

MAX_CHANNELS = 10_000
"""Channels in one answer."""

MAX_PEOPLE = 10_000
"""People in one answer."""

_MAX_WORD = 256
_MAX_PATH = 2_048
_CHANNEL_USER = re.compile(r"[A-Za-z0-9-]{1,64}")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LINK = re.compile(r"(?:https?://)?(?:www\.)?whatsapp\.com/channel/", re.IGNORECASE)


def channel_or_none(jid: Jid | None) -> Jid | None:
    """A channel's address; None for anything else."""
    if jid is None or not jid.is_newsletter or jid.device:
        return None
    return jid if _CHANNEL_USER.fullmatch(jid.user) is not None else None


def check_channel(jid: Jid) -> None:
    """Raises InvalidInput unless it is a channel's address."""
    if channel_or_none(jid) is None:
        raise InvalidInput("a channel's address reads 120363...@newsletter")


def channel_code(text: str) -> str:
    """The code in a channel's link, or in itself.

    Raises:
        InvalidInput: it is neither.
    """
    text = text.strip()
    link = _LINK.match(text)
    code = text if link is None else re.split(r"[/?#]", text[link.end() :], maxsplit=1)[0]
    if _CODE.fullmatch(code) is None:
        raise InvalidInput(f"a channel is found by a code or a link such as {CHANNEL_LINK}CODE")
    return code


# --- channels ------------------------------------------------------------------------------------


def read_newsletter(found: JsonObject) -> Newsletter:
    """Read all that an answer says of a channel.

    Raises:
        MexError: it does not say which channel it is.
    """
    return update_newsletter(Newsletter(_address(found)), found)


def update_newsletter(newsletter: Newsletter, found: JsonObject) -> Newsletter:
    """A channel with what an answer or a notification says of it; what is missing stays."""
    thread = found.part("thread_metadata")
    viewer = found.part("viewer_metadata")
    return _with_viewer(_with_thread(_with_state(newsletter, found), thread), viewer)


def read_newsletters(found: list[JsonObject]) -> tuple[Newsletter, ...]:
    """Read a list of channels; one that cannot be read is left out alone, and none comes twice."""
    channels: dict[Jid, Newsletter] = {}
    for entry in found[:MAX_CHANNELS]:
        try:
            newsletter = read_newsletter(entry)
        except MexError:
            continue
        channels.setdefault(newsletter.jid, newsletter)
    return tuple(channels.values())


def read_page(found: JsonObject) -> ChannelPage:
    """Read a page of the directory."""
    info = found.part("page_info")
    cursor = info.text("endCursor")[:_MAX_WORD] if info.flag("hasNextPage") else ""
    return ChannelPage(read_newsletters(found.parts("result")), cursor)


def address_in(found: JsonObject) -> Jid | None:
    """The channel that an object is about."""
    return channel_or_none(found.jid("id")) or channel_or_none(found.jid("jid"))


def _address(found: JsonObject) -> Jid:
    jid = address_in(found)
    if jid is None:
        raise MexError("no channel is named")
    return jid


def _with_state(newsletter: Newsletter, found: JsonObject) -> Newsletter:
    state = found.part("state").text("type")[:_MAX_WORD]
    return replace(newsletter, state=_known_state(state)) if state else newsletter


def _known_state(text: str) -> str:
    word = text.upper()
    return word if word in ChannelState.__members__ else text


def _with_thread(newsletter: Newsletter, thread: JsonObject) -> Newsletter:
    if "name" in thread:
        name = thread.part("name")
        newsletter = replace(
            newsletter, name=name.text("text"), name_at_us=name.number("update_time")
        )
    if "description" in thread:
        about = thread.part("description")
        newsletter = replace(
            newsletter,
            description=about.text("text"),
            description_at_us=about.number("update_time"),
        )
    if "picture" in thread or "preview" in thread:
        picture, preview = thread.part("picture"), thread.part("preview")
        newsletter = replace(
            newsletter,
            picture_id=(picture.text("id") or preview.text("id"))[:_MAX_WORD],
            picture_path=picture.text("direct_path")[:_MAX_PATH],
            preview_path=preview.text("direct_path")[:_MAX_PATH],
        )
    if "settings" in thread:
        mode = thread.part("settings", "reaction_codes").text("value")[:_MAX_WORD]
        newsletter = replace(newsletter, reactions=mode.upper() or newsletter.reactions)
    return replace(
        newsletter,
        created_at=thread.number("creation_time") or newsletter.created_at,
        invite=thread.text("invite")[:_MAX_WORD] or newsletter.invite,
        handle=thread.text("handle")[:_MAX_WORD] or newsletter.handle,
        subscribers=thread.number("subscribers_count") or newsletter.subscribers,
        is_verified=(
            thread.text("verification").upper() == "VERIFIED"
            if "verification" in thread
            else newsletter.is_verified
        ),
    )


def _with_viewer(newsletter: Newsletter, viewer: JsonObject) -> Newsletter:
    role = viewer.text("role")[:_MAX_WORD].upper()
    if role:
        newsletter = replace(newsletter, role=role)
    if "mute" in viewer:
        newsletter = replace(newsletter, is_muted=viewer.text("mute").upper() == "ON")
    for setting in viewer.parts("settings"):
        is_on = setting.text("value").upper() == "ON"
        match setting.text("type"):
            case "MUTE_ADMIN_ACTIVITY":
                newsletter = replace(newsletter, is_muted=is_on)
            case "MUTE_FOLLOWER_ACTIVITY":
                newsletter = replace(newsletter, mutes_followers=is_on)
    return newsletter


# --- people --------------------------------------------------------------------------------------


def read_person(found: JsonObject, *, role: str = "", since: int = 0) -> ChannelPerson | None:
    """Read somebody; None when they are not named."""
    jid, pn = person_or_none(found.jid("id")), person_or_none(found.jid("pn"))
    if jid is None:
        jid = pn
    if jid is None:
        return None
    number = pn if pn is not None and pn.is_pn else jid if jid.is_pn else None
    return ChannelPerson(jid, number, found.text("display_name")[:_MAX_WORD], role, since)


def read_followers(found: JsonObject) -> tuple[ChannelPerson, ...]:
    """Read who follows a channel; whoever is not named is left out."""
    people = (
        read_person(
            edge.part("node"),
            role=edge.text("role")[:_MAX_WORD].upper(),
            since=edge.number("follow_time"),
        )
        for edge in found.part("followers").parts("edges")[:MAX_PEOPLE]
    )
    return tuple(person for person in people if person is not None)


def read_pending(found: JsonObject) -> tuple[ChannelPerson, ...]:
    """Read who was invited to become an admin."""
    people = (
        read_person(invite.part("user"), since=invite.number("expiration"))
        for invite in found.parts("pending_admin_invites")[:MAX_PEOPLE]
    )
    return tuple(person for person in people if person is not None)


def read_admins(found: JsonObject) -> tuple[ChannelPerson, ...]:
    """Read who runs a channel, as far as it is told."""
    people = (
        read_person(admin.part("user"), role=admin.text("role")[:_MAX_WORD].upper())
        for admin in found.parts("admins")[:MAX_PEOPLE]
    )
    return tuple(person for person in people if person is not None)


def read_reaction_senders(found: JsonObject) -> tuple[ReactionSenders, ...]:
    """Read who reacted to a post."""
    return tuple(
        ReactionSenders(
            entry.text("reaction_code")[:_MAX_WORD],
            tuple(
                person
                for edge in entry.part("sender_list").parts("edges")[:MAX_PEOPLE]
                if (person := read_person(edge.part("node"), since=edge.number("timestamp")))
            ),
        )
        for entry in found.parts("reactions")
    )
