from __future__ import annotations

import pytest

from waport.errors import MediaError
from waport.media import MediaKind, expand_media_key, upload_token

KEY = bytes(range(32))

# docs/protocol/messages.md, "Media encryption": the worked example for this key.
IV = "aa6a127218397cbd2383e4ccf7176a79"
CIPHER_KEY = "008c9aea9b7c5d81eb56b3f530f87d42dcc92d27b11ad6b5bd66f0560d0d8c46"
MAC_KEY = "91d09ffec108833c1699574c52657923fb6e3e161d9698bc6b3a05fbc508a515"


def test_a_key_expands_to_four_secrets() -> None:
    keys = expand_media_key(KEY, MediaKind.IMAGE)
    assert (keys.iv.hex(), keys.cipher_key.hex(), keys.mac_key.hex()) == (IV, CIPHER_KEY, MAC_KEY)
    assert len(keys.ref_key) == 32


def test_secrets_are_not_shown() -> None:
    assert repr(expand_media_key(KEY, MediaKind.IMAGE)) == "MediaKeys()"


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(MediaError):
        expand_media_key(bytes(size), MediaKind.IMAGE)


@pytest.mark.parametrize("kind", [MediaKind.PRODUCT_IMAGE, MediaKind.COVER_PHOTO])
def test_plain_kinds_have_no_key(kind: MediaKind) -> None:
    assert not kind.is_encrypted
    with pytest.raises(MediaError):
        expand_media_key(KEY, kind)


@pytest.mark.parametrize(
    ("kind", "info", "path"),
    [
        (MediaKind.IMAGE, "WhatsApp Image Keys", "/mms/image"),
        (MediaKind.STICKER, "WhatsApp Image Keys", "/mms/image"),
        (MediaKind.VIDEO, "WhatsApp Video Keys", "/mms/video"),
        (MediaKind.GIF, "WhatsApp Video Keys", "/mms/video"),
        (MediaKind.VIDEO_NOTE, "WhatsApp Video Keys", "/mms/video"),
        (MediaKind.AUDIO, "WhatsApp Audio Keys", "/mms/audio"),
        (MediaKind.VOICE, "WhatsApp Audio Keys", "/mms/audio"),
        (MediaKind.DOCUMENT, "WhatsApp Document Keys", "/mms/document"),
        (MediaKind.HISTORY, "WhatsApp History Keys", "/mms/md-msg-hist"),
        (MediaKind.APP_STATE, "WhatsApp App State Keys", "/mms/md-app-state"),
        (MediaKind.THUMBNAIL_LINK, "WhatsApp Link Thumbnail Keys", "/mms/thumbnail-link"),
        (MediaKind.THUMBNAIL_IMAGE, "WhatsApp Image Thumbnail Keys", "/mms/thumbnail-image"),
        (MediaKind.THUMBNAIL_VIDEO, "WhatsApp Video Thumbnail Keys", "/mms/thumbnail-video"),
        (
            MediaKind.THUMBNAIL_DOCUMENT,
            "WhatsApp Document Thumbnail Keys",
            "/mms/thumbnail-document",
        ),
        (MediaKind.STICKER_PACK, "WhatsApp Sticker Pack Keys", "/mms/sticker-pack"),
        (
            MediaKind.THUMBNAIL_STICKER_PACK,
            "WhatsApp Sticker Pack Thumbnail Keys",
            "/mms/thumbnail-sticker-pack",
        ),
        (
            MediaKind.PAYMENT_BACKGROUND,
            "WhatsApp Payment Background Keys",
            "/mms/payment-bg-image",
        ),
        (MediaKind.PRODUCT_IMAGE, "", "/product/image"),
        (MediaKind.COVER_PHOTO, "", "/pps/biz-cover-photo"),
    ],
)
def test_each_kind_has_its_info_and_its_path(kind: MediaKind, info: str, path: str) -> None:
    assert (kind.key_info, kind.upload_path) == (info, path)


def test_newsletters_have_a_folder_of_their_own() -> None:
    assert MediaKind.VIDEO.newsletter_path == "/newsletter/newsletter-video"
    assert MediaKind.VOICE.newsletter_path == "/newsletter/newsletter-audio"


def test_a_kind_is_known_by_its_name() -> None:
    assert MediaKind("ptt") is MediaKind.VOICE
    assert len({kind.value for kind in MediaKind}) == len(MediaKind) == 19


def test_a_token_has_no_padding() -> None:
    hashed = bytes.fromhex("de874ad67c12271286a9e2afae8be0d1a85b91c2438c5679aa4609b86d292cd3")
    assert upload_token(hashed) == "3odK1nwSJxKGqeKvrovg0ahbkcJDjFZ5qkYJuG0pLNM"
