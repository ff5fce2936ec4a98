"""waport: a WhatsApp account for any program, over REST, webhooks and a WebSocket.

`Client` is the account itself, for programs that need no server; events and values are in
`waport.model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .library import Client, print_qr

__version__ = "0.1.0"

__all__ = ["Client", "__version__", "print_qr"]


def __getattr__(name: str) -> Any:
    # Loaded when it is asked for: the server and the emulator have no use for it.
    if name in ("Client", "print_qr"):
        from . import library

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
