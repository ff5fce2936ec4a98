"""What callers are told when a file or a URL is no good."""

from __future__ import annotations

import pytest

from waport.api.errors import describe
from waport.client.media_contents import UnusableFile
from waport.client.media_hosts import MediaGone, MediaTooLarge, TransferFailed
from waport.client.media_references import NoMedia
from waport.client.media_retries import RetryFailed
from waport.client.outbound_errors import BodyTooLarge, FetchFailed, FetchTimeout, UrlRefused
from waport.errors import CryptoError, MediaError, MexError, StanzaError, WhatsAppError


@pytest.mark.parametrize(
    ("error", "status", "code", "text"),
    [
        (UnusableFile("not an image"), 400, "validation_error", "not an image"),
        (MediaTooLarge(5), 400, "validation_error", "the file is larger than 5 bytes"),
        (UrlRefused("not a URL"), 400, "validation_error", "not a URL"),
        (
            BodyTooLarge(5),
            400,
            "validation_error",
            "the file at the URL is larger than 5 bytes",
        ),
        (
            NoMedia("the message has no file"),
            400,
            "validation_error",
            "Message does not contain downloadable media",
        ),
        (FetchFailed("the URL answered 404", 404), 500, None, "the URL answered 404"),
        (FetchTimeout("too slow"), 500, None, "too slow"),
        (
            MediaGone(410, "the phone does not have it any more"),
            500,
            None,
            "the media servers answered 410; the phone does not have it any more",
        ),
        (TransferFailed("no media host took the file"), 500, None, "no media host took the file"),
        (RetryFailed(None, "no answer"), 500, None, "no answer"),
        (MediaError("the MAC does not match"), 500, None, "the MAC does not match"),
        (CryptoError("secret detail"), 500, "internal_error", "Internal server error"),
        (StanzaError("iq", "detail"), 500, None, "WhatsApp's answer makes no sense"),
        (MexError("detail"), 500, None, "WhatsApp's answer makes no sense"),
    ],
)
def test_each_failure_of_a_file_has_its_answer(
    error: WhatsAppError, status: int, code: str | None, text: str
) -> None:
    problem = describe(error)
    assert (problem.status, problem.code, problem.text) == (status, code, text)
