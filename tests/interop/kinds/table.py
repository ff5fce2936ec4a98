"""Every kind of message that stands by itself."""

from __future__ import annotations

from interop.kinds.business import BUSINESS
from interop.kinds.cards import CARDS
from interop.kinds.media import MEDIA
from interop.kinds.others import OTHERS
from interop.kinds.texts import TEXTS

CASES = (*TEXTS, *MEDIA, *CARDS, *BUSINESS, *OTHERS)
THEIRS = tuple(case for case in CASES if case.theirs is not None)
OURS = tuple(case for case in CASES if case.ours is not None)
