"""What can go wrong with a URL that somebody gave."""

from __future__ import annotations

from ..errors import InvalidInput, WhatsAppError


class OutboundError(WhatsAppError):
    """A URL could not be fetched."""


class UrlRefused(OutboundError, InvalidInput):
    """The URL, or one that it redirects to, is unusable or leads where nobody may go."""


class BodyTooLarge(OutboundError, InvalidInput):
    """The file is larger than may be.

    Attributes:
        limit: bytes that were allowed.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"the file at the URL is larger than {limit} bytes")
        self.limit = limit


class FetchFailed(OutboundError):
    """The other server can't be reached, or answered something else than the file.

    Attributes:
        status: its HTTP status, None without an answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class FetchTimeout(FetchFailed):
    """It took too long."""
