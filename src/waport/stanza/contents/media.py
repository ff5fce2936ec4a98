"""Files: `imageMessage`, `videoMessage` and the like.

Source: docs/protocol/messages.md, "Content".
"""

from __future__ import annotations

from ...model.contents import Album, Audio, Document, Image, MediaFile, Sticker, Video
from ...proto import pb
from .context import CONTEXT
from .fields import Spec, group, scalar, text

_FILE = group(
    "file",
    MediaFile,
    (
        text("mimetype", "mimetype"),
        text("url", "url"),
        text("direct_path", "directPath"),
        scalar("media_key", "mediaKey"),
        scalar("sha256", "fileSha256"),
        scalar("enc_sha256", "fileEncSha256"),
        scalar("length", "fileLength"),
        scalar("key_timestamp", "mediaKeyTimestamp"),
    ),
)

_SIZE = (scalar("width", "width"), scalar("height", "height"))
_THUMBNAIL = scalar("thumbnail", "jpegThumbnail")

IMAGE = Spec(
    Image,
    pb.ImageMessage,
    (
        _FILE,
        text("caption", "caption"),
        *_SIZE,
        _THUMBNAIL,
        scalar("view_once", "viewOnce"),
        CONTEXT,
    ),
)

VIDEO = Spec(
    Video,
    pb.VideoMessage,
    (
        _FILE,
        text("caption", "caption"),
        scalar("seconds", "seconds"),
        *_SIZE,
        scalar("is_gif", "gifPlayback"),
        scalar("gif_source", "gifAttribution"),
        _THUMBNAIL,
        scalar("sidecar", "streamingSidecar"),
        scalar("view_once", "viewOnce"),
        CONTEXT,
    ),
)

AUDIO = Spec(
    Audio,
    pb.AudioMessage,
    (
        _FILE,
        scalar("seconds", "seconds"),
        scalar("is_voice", "ptt"),
        scalar("waveform", "waveform"),
        scalar("sidecar", "streamingSidecar"),
        scalar("background_argb", "backgroundArgb"),
        scalar("view_once", "viewOnce"),
        CONTEXT,
    ),
)

DOCUMENT = Spec(
    Document,
    pb.DocumentMessage,
    (
        _FILE,
        text("file_name", "fileName"),
        text("title", "title"),
        scalar("page_count", "pageCount"),
        text("caption", "caption"),
        _THUMBNAIL,
        CONTEXT,
    ),
)

STICKER = Spec(
    Sticker,
    pb.StickerMessage,
    (
        _FILE,
        *_SIZE,
        scalar("is_animated", "isAnimated"),
        scalar("is_lottie", "isLottie"),
        scalar("is_avatar", "isAvatar"),
        scalar("first_frame_length", "firstFrameLength"),
        scalar("first_frame_sidecar", "firstFrameSidecar"),
        scalar("thumbnail", "pngThumbnail"),
        text("label", "accessibilityLabel"),
        CONTEXT,
    ),
)

ALBUM = Spec(
    Album,
    pb.AlbumMessage,
    (
        scalar("images", "expectedImageCount"),
        scalar("videos", "expectedVideoCount"),
        CONTEXT,
    ),
)
