"""QR codes as pictures."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

SIZE: Final = 300
"""Pixels on each side."""
QUIET_ZONE: Final = 2
"""White modules around the code."""


@lru_cache(maxsize=32)
def qr_png(text: str) -> bytes:
    """A PNG of 300 x 300 pixels, 8-bit RGBA, error correction M."""
    # Loaded at the first code: most starts of the server never show one.
    from PIL import Image
    from qrcode.constants import ERROR_CORRECT_M
    from qrcode.main import QRCode

    code = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE)
    code.add_data(text)
    code.make(fit=True)
    modules = code.get_matrix()
    small = Image.new("L", (len(modules), len(modules)))
    small.putdata([0 if is_dark else 255 for row in modules for is_dark in row])
    picture = small.resize((SIZE, SIZE), Image.Resampling.NEAREST).convert("RGBA")
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
