"""Kinds of messages as Baileys and our client send them, and what the other side must find."""

import pytest

# So that a failed comparison shows what differs.
pytest.register_assert_rewrite("interop.kinds.compare")
