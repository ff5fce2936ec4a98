"""waport: a WhatsApp account for any program, over REST, webhooks and a WebSocket."""

__version__ = "0.1.0"

__all__ = ["__version__"]
