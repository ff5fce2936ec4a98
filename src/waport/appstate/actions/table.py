"""Every action: where it belongs, what its index is made of, and where its value stands."""

from __future__ import annotations

from typing import Final

from .business_rows import BUSINESS_ROWS
from .chat_rows import CHAT_ROWS
from .people_rows import PEOPLE_ROWS
from .setting_rows import SETTING_ROWS

ROWS: Final = (*CHAT_ROWS, *PEOPLE_ROWS, *BUSINESS_ROWS, *SETTING_ROWS)
BY_NAME: Final = {row.name: row for row in ROWS}
BY_KIND: Final = {row.kind: row for row in ROWS}
