"""Which protocol messages may take effect."""

from __future__ import annotations

import pytest

from waport.proto import pb
from waport.stanza.contents.trust import TRUST, Trust, is_trusted

TYPE = pb.ProtocolMessage.Type


@pytest.mark.parametrize("kind", sorted(TRUST))
@pytest.mark.parametrize("from_me", [True, False])
@pytest.mark.parametrize("device", [0, 5])
@pytest.mark.parametrize("is_private", [True, False])
def test_trust_follows_the_table(kind: int, from_me: bool, device: int, is_private: bool) -> None:
    expected = {
        Trust.ANYBODY: True,
        Trust.PRIVATE: is_private,
        Trust.OWN: from_me,
        Trust.PRIMARY: from_me and device == 0,
    }[TRUST[kind]]
    trusted = is_trusted(kind, from_me=from_me, device=device, is_private=is_private)
    assert trusted is expected


@pytest.mark.parametrize("kind", [None, 9999, TYPE.AI_QUERY_FANOUT])
def test_what_is_unknown_has_no_effect(kind: int | None) -> None:
    assert not is_trusted(kind, from_me=True, device=0, is_private=True)


def test_keys_and_history_come_from_own_devices_alone() -> None:
    for kind in (
        TYPE.APP_STATE_SYNC_KEY_SHARE,
        TYPE.HISTORY_SYNC_NOTIFICATION,
        TYPE.LID_MIGRATION_MAPPING_SYNC,
    ):
        assert not is_trusted(kind, from_me=False, device=0, is_private=True)
