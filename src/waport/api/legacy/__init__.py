"""Callers of the older server: its paths, its field names, its answers."""

from .build import legacy_operations

__all__ = ["legacy_operations"]
