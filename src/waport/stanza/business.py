"""Business profiles, certified names and short links.

Source: docs/protocol/queries.md, "Business".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from google.protobuf.message import DecodeError as ProtobufError

from ..errors import InvalidInput, StanzaError
from ..model.business import (
    BusinessCategory,
    BusinessDay,
    BusinessHours,
    BusinessProfile,
    LinkTarget,
    ProfileChange,
    VerifiedName,
)
from ..proto import as_text, pb
from ..wire import AttrValue, Jid, Node
from .query import Query, iq_get, iq_set

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
HOUR_MODES = ("specific_hours", "open_24h", "appointment_only")
MAX_WEBSITES = 2
MAX_DESCRIPTION = 512
MAX_ADDRESS = 256
MAX_EMAIL = 128
MAX_WEBSITE = 256
MAX_CATEGORIES = 3

_BIZ = "w:biz"
_QR = "w:qr"
_VERSION = "244"
_MINUTES = 24 * 60
_MAX_LISTED = 64
_MAX_TEXT = 4096
_MAX_NAME = 256
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TEXTS = frozenset(("address", "description", "email"))
_LINK = re.compile(
    r"(?:https?://)?(?:wa\.me|api\.whatsapp\.com)/(?:message|qr)/([A-Za-z0-9_-]{1,64})/?",
    re.IGNORECASE,
)


def short_text(node: Node | None, limit: int = _MAX_TEXT) -> str:
    """The text of a child, cut to a bound; empty when there is none that can be read."""
    if node is None or not isinstance(node.content, bytes):
        return ""
    return node.content.decode(errors="replace").replace("\x00", "")[:limit]


# --- profiles ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FetchBusinessProfile(Query[BusinessProfile | None]):
    """The profile of a business, bare; None when the account shows none."""

    business: Jid

    def request(self) -> Node:
        """`<business_profile v><profile jid/></business_profile>`."""
        profile = Node("profile", {"jid": self.business})
        return iq_get(_BIZ, Node("business_profile", {"v": _VERSION}, [profile]))

    def parse(self, reply: Node) -> BusinessProfile | None:
        """The profile; whatever part of it cannot be read is left out."""
        answer = reply.child("business_profile")
        for profile in answer.children("profile")[:_MAX_LISTED]:
            jid = profile.get_jid("jid")
            if jid is not None and (jid.is_pn or jid.is_lid):
                return _profile(jid.bare, profile)
        return None


def _profile(jid: Jid, node: Node) -> BusinessProfile:
    texts: dict[str, str] = {}
    websites: list[str] = []
    categories: tuple[BusinessCategory, ...] = ()
    hours: BusinessHours | None = None
    options: tuple[tuple[str, str], ...] = ()
    numbers: dict[str, float | None] = {}
    extra: list[Node] = []
    cover, since = "", ""
    for child in node.children()[:_MAX_LISTED]:
        match child.tag:
            case tag if tag in _TEXTS:
                texts.setdefault(tag, short_text(child))
            case "website":
                websites.append(short_text(child))
            case "categories":
                categories = _categories(child)
            case "business_hours":
                hours = _hours(child)
            case "profile_options":
                options = tuple(
                    (option.tag[:_MAX_NAME], short_text(option, _MAX_NAME))
                    for option in child.children()[:_MAX_LISTED]
                )
            case "cover_photo":
                cover = (child.get("id") or "")[:_MAX_NAME]
            case "member_since_text":
                since = short_text(child, _MAX_NAME)
            case "latitude" | "longitude":
                numbers[child.tag] = _degrees(short_text(child, 32))
            case _:
                extra.append(child)
    return BusinessProfile(
        jid,
        (node.get("tag") or "")[:_MAX_NAME],
        texts.get("description", ""),
        texts.get("address", ""),
        texts.get("email", ""),
        tuple(site for site in websites if site),
        categories,
        hours,
        options,
        cover,
        since,
        numbers.get("latitude"),
        numbers.get("longitude"),
        tuple(extra),
    )


def _categories(node: Node) -> tuple[BusinessCategory, ...]:
    found = []
    for child in node.children("category")[:_MAX_LISTED]:
        category_id, name = (child.get("id") or "")[:_MAX_NAME], short_text(child, _MAX_NAME)
        if category_id or name:
            found.append(BusinessCategory(category_id, name))
    return tuple(found)


def _hours(node: Node) -> BusinessHours:
    days = []
    for child in node.children("business_hours_config")[:_MAX_LISTED]:
        day, mode = child.get("day_of_week"), (child.get("mode") or "")[:_MAX_NAME]
        if day not in DAYS or not mode:
            continue
        days.append(BusinessDay(day, mode, _minute(child, "open"), _minute(child, "close")))
    return BusinessHours((node.get("timezone") or "")[:_MAX_NAME], tuple(days))


def _minute(node: Node, end: str) -> int | None:
    minute = node.get_int(f"{end}_time", None)
    return minute if minute is not None and 0 <= minute <= _MINUTES else None


def _degrees(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if -180 <= value <= 180 else None


@dataclass(frozen=True, slots=True)
class ChangeBusinessProfile(Query[None]):
    """Change the own business profile."""

    change: ProfileChange

    def request(self) -> Node:
        """`<business_profile v="3" mutation_type="delta">` with what changes.

        Raises:
            InvalidInput: nothing changes, or a part is longer than the server takes.
        """
        children = _changes(self.change)
        if not children:
            raise InvalidInput("nothing of the profile is to be changed")
        return _delta(children)

    def parse(self, reply: Node) -> None:
        """The result says nothing."""


def _delta(children: list[Node]) -> Node:
    return iq_set(_BIZ, Node("business_profile", {"v": "3", "mutation_type": "delta"}, children))


def _changes(change: ProfileChange) -> list[Node]:
    children = []
    limits = {"address": MAX_ADDRESS, "email": MAX_EMAIL, "description": MAX_DESCRIPTION}
    for name, limit in limits.items():
        text = getattr(change, name)
        if text is not None:
            children.append(Node(name, {}, _bytes(name, text, limit) or None))
    if change.websites is not None:
        if len(change.websites) > MAX_WEBSITES:
            raise InvalidInput(f"a business shows at most {MAX_WEBSITES} websites")
        sites = change.websites or ("",)
        children += [Node("website", {}, _bytes("website", x, MAX_WEBSITE) or None) for x in sites]
    if change.categories is not None:
        if not 1 <= len(change.categories) <= MAX_CATEGORIES:
            raise InvalidInput(f"a business is of 1 to {MAX_CATEGORIES} categories")
        chosen = [Node("category", {"id": each}) for each in change.categories]
        children.append(Node("categories", {}, chosen))
    if change.hours is not None:
        children.append(_hours_node(change.hours))
    return children


def _bytes(name: str, text: str, limit: int) -> bytes:
    if len(text) > limit:
        raise InvalidInput(f"{name} has at most {limit} characters")
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidInput(f"{name} is no Unicode text") from exc


def _hours_node(hours: BusinessHours) -> Node:
    configs = []
    for day in hours.days:
        if day.day not in DAYS or day.mode not in HOUR_MODES:
            raise InvalidInput("a day is sun to sat, and its mode one that there is")
        attrs: dict[str, AttrValue] = {"day_of_week": day.day, "mode": day.mode}
        if day.mode == "specific_hours":
            if day.open_minute is None or day.close_minute is None:
                raise InvalidInput("specific hours need a beginning and an end")
            if not 0 <= day.open_minute < day.close_minute <= _MINUTES:
                raise InvalidInput("hours are minutes from midnight, the beginning first")
            attrs |= {"open_time": str(day.open_minute), "close_time": str(day.close_minute)}
        configs.append(Node("business_hours_config", attrs))
    return Node("business_hours", {"timezone": hours.timezone}, configs)


@dataclass(frozen=True, slots=True)
class SetCoverPhoto(Query[None]):
    """Show an uploaded cover photo, or none any more.

    Attributes:
        photo_id: of the one that was uploaded, or that is to go.
        token: of the upload; None takes the photo away.
        timestamp: of the upload.
    """

    photo_id: str
    token: str | None = None
    timestamp: str = ""

    def request(self) -> Node:
        """`<cover_photo op id token ts/>`."""
        if self.token is None:
            return _delta([Node("cover_photo", {"op": "delete", "id": self.photo_id})])
        attrs: dict[str, AttrValue] = {
            "op": "update",
            "id": self.photo_id,
            "token": self.token,
            "ts": self.timestamp,
        }
        return _delta([Node("cover_photo", attrs)])

    def parse(self, reply: Node) -> None:
        """The result says nothing."""


# --- names ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FetchVerifiedName(Query[VerifiedName | None]):
    """The certified name of a business; None when the account has none."""

    business: Jid

    def request(self) -> Node:
        """`<verified_name jid/>`."""
        return iq_get(_BIZ, Node("verified_name", {"jid": self.business}))

    def parse(self, reply: Node) -> VerifiedName | None:
        """The name."""
        return parse_verified_name(reply.find("verified_name"))


def parse_verified_name(node: Node | None) -> VerifiedName | None:
    """A `<verified_name>` with its certificate; None when that is missing or cannot be read."""
    if node is None or not isinstance(node.content, bytes):
        return None
    try:
        certificate = pb.VerifiedNameCertificate.FromString(node.content)
        details = pb.VerifiedNameCertificate.Details.FromString(certificate.details)
    except ProtobufError:
        return None
    if not details.verifiedName:
        return None
    localized = tuple(
        (f"{as_text(name.lg)}{'_' if name.lc else ''}{as_text(name.lc)}", _name(name.verifiedName))
        for name in details.localizedNames[:_MAX_LISTED]
        if name.lg and name.verifiedName and len(name.lg) + len(name.lc) < 32
    )
    return VerifiedName(
        _name(details.verifiedName),
        details.serial,
        _name(details.issuer),
        min(details.issueTime, 2**42),
        localized,
        (node.get("verified_level") or "")[:_MAX_NAME],
        bool(certificate.signature and certificate.serverSignature),
    )


def _name(value: object) -> str:
    return as_text(value)[:_MAX_NAME]


# --- short links ---------------------------------------------------------------------------------


def link_code(link: str) -> str:
    """The code of a `wa.me/message/...` or `wa.me/qr/...` link, or the code itself.

    Raises:
        InvalidInput: it is neither.
    """
    found = _LINK.fullmatch(link.strip())
    code = found.group(1) if found is not None else link.strip()
    if _CODE.fullmatch(code) is None:
        raise InvalidInput("that is no short link")
    return code


@dataclass(frozen=True, slots=True)
class ResolveLink(Query[LinkTarget]):
    """Whom a short link leads to."""

    code: str

    def request(self) -> Node:
        """`<qr code/>`, to no address."""
        iq = iq_get(_QR, Node("qr", {"code": self.code}))
        del iq.attrs["to"]
        return iq

    def parse(self, reply: Node) -> LinkTarget:
        """The person or business.

        Raises:
            StanzaError: it names nobody.
        """
        qr = reply.child("qr")
        jid = qr.jid("jid")
        if not (jid.is_pn or jid.is_lid):
            raise StanzaError("qr", "the link leads to nobody")
        business = qr.find("business")
        return LinkTarget(
            jid.bare,
            (qr.get("notify") or "")[:_MAX_NAME],
            short_text(qr.find("message")),
            qr.get("type") == "contact",
            "" if business is None else (business.get("verified_name") or "")[:_MAX_NAME],
            "" if business is None else (business.get("verified_level") or "")[:_MAX_NAME],
        )


@dataclass(frozen=True, slots=True)
class OwnContactCode(Query[str]):
    """The code of the own contact link; `revoke` makes the old one worthless first."""

    revoke: bool = False

    def request(self) -> Node:
        """`<qr type="contact" action/>`."""
        action = "revoke" if self.revoke else "get"
        iq = iq_set(_QR, Node("qr", {"type": "contact", "action": action}))
        del iq.attrs["to"]
        return iq

    def parse(self, reply: Node) -> str:
        """The code.

        Raises:
            StanzaError: there is none.
        """
        code = reply.child("qr").attr("code")
        if _CODE.fullmatch(code) is None:
            raise StanzaError("qr", "the code is none")
        return code
