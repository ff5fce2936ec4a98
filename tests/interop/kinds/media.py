"""Files: pictures, films, sounds, documents, stickers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from interop.kinds.case import Case, Native, OurFile, Ours, Place
from interop.kinds.files import THUMBNAIL, as_bytes
from waport.client.media_contents import MediaOptions
from waport.model.contents import Album
from waport.proto import pb

VOICE = "audio/ogg; codecs=opus"
WAVEFORM = bytes(range(64))
THUMB: dict[str, Any] = {"jpegThumbnail": as_bytes(THUMBNAIL)}
PICTURE_SIZE: dict[str, Any] = {"width": 200, "height": 100}
FILM_SIZE: dict[str, Any] = {"width": 320, "height": 240}
STICKER_SIZE: dict[str, Any] = {"width": 512, "height": 512}


def _image(place: Place, **fields: object) -> Native:
    file = {"url": str(place.files.jpeg)}
    return Native({"image": file, "mimetype": "image/jpeg", **THUMB, **PICTURE_SIZE, **fields})


def _video(place: Place, **fields: object) -> Native:
    file = {"url": str(place.files.mp4)}
    about = {"mimetype": "video/mp4", "seconds": 2, **THUMB, **FILM_SIZE}
    return Native({"video": file, **about, **fields})


def _voice(place: Place, **fields: object) -> Native:
    file = {"url": str(place.files.opus)}
    about = {"mimetype": VOICE, "seconds": 1, "ptt": True, "waveform": as_bytes(WAVEFORM)}
    return Native({"audio": file, **about, **fields})


def _sticker(path: object, **fields: object) -> Native:
    return Native(
        {"sticker": {"url": str(path)}, "mimetype": "image/webp", **STICKER_SIZE, **fields}
    )


def _once(form: Native) -> Native:
    """Baileys names no media type of what is wrapped, so the stanza must not be one of media."""
    return replace(form, stanza_type="text")


IMAGES = (
    Case(
        "picture with a caption",
        expected=lambda _: pb.Message(
            imageMessage=pb.ImageMessage(mimetype="image/jpeg", caption="a picture", **PICTURE_SIZE)
        ),
        theirs=lambda place: _image(place, caption="a picture"),
        ours=lambda place: OurFile(place.files.jpeg, MediaOptions(caption="a picture")),
        source=lambda files: files.jpeg,
    ),
    Case(
        "picture seen once",
        expected=lambda _: pb.Message(
            imageMessage=pb.ImageMessage(mimetype="image/jpeg", viewOnce=True)
        ),
        theirs=lambda place: _once(_image(place, viewOnce=True)),
        ours=lambda place: OurFile(place.files.jpeg, MediaOptions(view_once=True)),
        source=lambda files: files.jpeg,
    ),
    Case(
        "sticker",
        expected=lambda _: pb.Message(
            stickerMessage=pb.StickerMessage(mimetype="image/webp", **STICKER_SIZE)
        ),
        theirs=lambda place: _sticker(place.files.webp),
        ours=lambda place: OurFile(place.files.webp, MediaOptions(as_sticker=True)),
        source=lambda files: files.webp,
    ),
    Case(
        "animated sticker",
        expected=lambda _: pb.Message(
            stickerMessage=pb.StickerMessage(mimetype="image/webp", isAnimated=True, **STICKER_SIZE)
        ),
        theirs=lambda place: _sticker(place.files.animated_webp, isAnimated=True),
        ours=lambda place: OurFile(place.files.animated_webp, MediaOptions(as_sticker=True)),
        source=lambda files: files.animated_webp,
    ),
    Case(
        "head of an album",
        expected=lambda _: pb.Message(
            albumMessage=pb.AlbumMessage(expectedImageCount=2, expectedVideoCount=1)
        ),
        theirs=lambda _: Native({"album": {"expectedImageCount": 2, "expectedVideoCount": 1}}),
        ours=lambda _: Ours(Album(2, 1)),
    ),
)

FILMS = (
    Case(
        "film with a caption",
        expected=lambda _: pb.Message(
            videoMessage=pb.VideoMessage(
                mimetype="video/mp4", caption="a film", seconds=2, **FILM_SIZE
            )
        ),
        theirs=lambda place: _video(place, caption="a film"),
        ours=lambda place: OurFile(place.files.mp4, MediaOptions(caption="a film")),
        source=lambda files: files.mp4,
    ),
    Case(
        "GIF",
        expected=lambda _: pb.Message(
            videoMessage=pb.VideoMessage(mimetype="video/mp4", gifPlayback=True, **FILM_SIZE)
        ),
        theirs=lambda place: _video(place, gifPlayback=True),
        ours=lambda place: OurFile(place.files.mp4, MediaOptions(as_gif=True)),
        source=lambda files: files.mp4,
    ),
    Case(
        "video note",
        # Baileys sends none of what it is told about a note but the file.
        expected=lambda _: pb.Message(ptvMessage=pb.VideoMessage(mimetype="video/mp4")),
        theirs=lambda place: _video(place, ptv=True),
        ours=lambda place: OurFile(place.files.mp4, MediaOptions(as_video_note=True)),
        source=lambda files: files.mp4,
    ),
    Case(
        "film seen once",
        expected=lambda _: pb.Message(
            videoMessage=pb.VideoMessage(mimetype="video/mp4", seconds=2, viewOnce=True)
        ),
        theirs=lambda place: _once(_video(place, viewOnce=True)),
        ours=lambda place: OurFile(place.files.mp4, MediaOptions(view_once=True)),
        source=lambda files: files.mp4,
    ),
)

SOUNDS = (
    Case(
        "sound",
        expected=lambda _: pb.Message(
            audioMessage=pb.AudioMessage(mimetype="audio/mpeg", seconds=1)
        ),
        theirs=lambda place: Native(
            {"audio": {"url": str(place.files.mp3)}, "mimetype": "audio/mpeg", "seconds": 1}
        ),
        ours=lambda place: OurFile(place.files.mp3),
        source=lambda files: files.mp3,
    ),
    Case(
        "voice note",
        expected=lambda _: pb.Message(
            audioMessage=pb.AudioMessage(mimetype=VOICE, seconds=1, ptt=True)
        ),
        theirs=_voice,
        ours=lambda place: OurFile(place.files.opus, MediaOptions(as_voice=True)),
        source=lambda files: files.opus,
    ),
    Case(
        "voice note heard once",
        expected=lambda _: pb.Message(
            audioMessage=pb.AudioMessage(mimetype=VOICE, seconds=1, ptt=True, viewOnce=True)
        ),
        theirs=lambda place: _once(_voice(place, viewOnce=True)),
        ours=lambda place: OurFile(place.files.opus, MediaOptions(as_voice=True, view_once=True)),
        source=lambda files: files.opus,
    ),
)

DOCUMENTS = (
    Case(
        "document",
        expected=lambda _: pb.Message(
            documentMessage=pb.DocumentMessage(mimetype="application/pdf", fileName="a paper.pdf")
        ),
        theirs=lambda place: Native(
            {
                "document": {"url": str(place.files.pdf)},
                "mimetype": "application/pdf",
                "fileName": "a paper.pdf",
            }
        ),
        ours=lambda place: OurFile(place.files.pdf, MediaOptions(file_name="a paper.pdf")),
        source=lambda files: files.pdf,
    ),
    Case(
        "document with a caption",
        expected=lambda _: pb.Message(
            documentMessage=pb.DocumentMessage(
                mimetype="text/plain", fileName="notes.txt", caption="below the paper"
            )
        ),
        theirs=lambda place: Native(
            {
                "document": {"url": str(place.files.text)},
                "mimetype": "text/plain",
                "fileName": "notes.txt",
                "caption": "below the paper",
            }
        ),
        ours=lambda place: OurFile(
            place.files.text,
            MediaOptions(mimetype="text/plain", file_name="notes.txt", caption="below the paper"),
        ),
        source=lambda files: files.text,
    ),
)

MEDIA = (*IMAGES, *FILMS, *SOUNDS, *DOCUMENTS)
