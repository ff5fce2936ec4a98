"""Texts, contact cards, places and invitations.

Source: docs/protocol/messages.md, "Content".
"""

from __future__ import annotations

from ...model.contents import (
    ChannelInvite,
    Contact,
    Contacts,
    GroupInvite,
    LinkPreview,
    LiveLocation,
    Location,
    PhoneNumberRequest,
    PreviewImage,
    Text,
    TextStyle,
)
from ...proto import pb
from .context import CONTEXT
from .fields import Spec, address, flag, group, many, scalar, text

_THUMBNAIL = scalar("thumbnail", "jpegThumbnail")

_PREVIEW_IMAGE = group(
    "image",
    PreviewImage,
    (
        text("direct_path", "thumbnailDirectPath"),
        scalar("media_key", "mediaKey"),
        scalar("key_timestamp", "mediaKeyTimestamp"),
        scalar("sha256", "thumbnailSha256"),
        scalar("enc_sha256", "thumbnailEncSha256"),
        scalar("width", "thumbnailWidth"),
        scalar("height", "thumbnailHeight"),
    ),
    key="direct_path",
)

_PREVIEW = group(
    "preview",
    LinkPreview,
    (
        text("matched_text", "matchedText"),
        text("title", "title"),
        text("description", "description"),
        _THUMBNAIL,
        _PREVIEW_IMAGE,
    ),
    key="matched_text",
)

_STYLE = group(
    "style",
    TextStyle,
    (
        scalar("text_argb", "textArgb"),
        scalar("background_argb", "backgroundArgb"),
        scalar("font", "font"),
    ),
    key="background_argb",
)

TEXT = Spec(
    Text,
    pb.ExtendedTextMessage,
    (text("text", "text", is_required=True), _PREVIEW, _STYLE, CONTEXT),
)

PLAIN_TEXT = text("text", "conversation", is_required=True)
"""The short form of a text, directly in the message."""

CONTACT = Spec(
    Contact,
    pb.ContactMessage,
    (text("name", "displayName", is_required=True), text("vcard", "vcard"), CONTEXT),
)

CONTACTS = Spec(
    Contacts,
    pb.ContactsArrayMessage,
    (
        text("name", "displayName", is_required=True),
        many("contacts", "contacts", CONTACT),
        CONTEXT,
    ),
)

LOCATION = Spec(
    Location,
    pb.LocationMessage,
    (
        scalar("latitude", "degreesLatitude", is_required=True),
        scalar("longitude", "degreesLongitude", is_required=True),
        text("name", "name"),
        text("address", "address"),
        text("url", "url"),
        scalar("accuracy_m", "accuracyInMeters"),
        scalar("is_live", "isLive"),
        text("comment", "comment"),
        _THUMBNAIL,
        CONTEXT,
    ),
)

LIVE_LOCATION = Spec(
    LiveLocation,
    pb.LiveLocationMessage,
    (
        scalar("latitude", "degreesLatitude", is_required=True),
        scalar("longitude", "degreesLongitude", is_required=True),
        scalar("accuracy_m", "accuracyInMeters"),
        scalar("speed_mps", "speedInMps"),
        scalar("heading", "degreesClockwiseFromMagneticNorth"),
        text("caption", "caption"),
        scalar("sequence", "sequenceNumber"),
        scalar("time_offset_s", "timeOffset"),
        _THUMBNAIL,
        CONTEXT,
    ),
)

GROUP_INVITE = Spec(
    GroupInvite,
    pb.GroupInviteMessage,
    (
        address("group", "groupJid"),
        text("code", "inviteCode"),
        scalar("expires_at", "inviteExpiration"),
        text("name", "groupName"),
        text("caption", "caption"),
        flag("is_community", "groupType", pb.GroupInviteMessage.PARENT),
        _THUMBNAIL,
        CONTEXT,
    ),
)

_CHANNEL = (
    address("channel", "newsletterJid"),
    text("name", "newsletterName"),
    text("caption", "caption"),
    _THUMBNAIL,
    CONTEXT,
)

FOLLOWER_INVITE = Spec(ChannelInvite, pb.NewsletterFollowerInviteMessage, _CHANNEL)

ADMIN_INVITE = Spec(
    ChannelInvite,
    pb.NewsletterAdminInviteMessage,
    (*_CHANNEL, scalar("expires_at", "inviteExpiration")),
)

PHONE_NUMBER_REQUEST = Spec(PhoneNumberRequest, pb.RequestPhoneNumberMessage, (CONTEXT,))
