"""Kinds of messages as Baileys and our client send them, and what the other side must find."""
