"""WhatsApp's server and phones on one machine, for tests and demos."""

from .server import Emulator, EmulatorOptions, run

__all__ = ["Emulator", "EmulatorOptions", "run"]
