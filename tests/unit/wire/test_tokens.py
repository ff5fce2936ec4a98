from __future__ import annotations

from waport.wire.tokens import DICTIONARY_VERSION, DOUBLE_BYTE, SINGLE_BYTE, TOKEN_BYTES

TOKENS = [token for table in (SINGLE_BYTE[1:], *DOUBLE_BYTE) for token in table]


def test_tables_have_the_sizes_of_version_3() -> None:
    assert DICTIONARY_VERSION == 3
    assert len(SINGLE_BYTE) == 236
    assert [len(table) for table in DOUBLE_BYTE] == [256] * 4
    assert SINGLE_BYTE[0] == ""


def test_no_token_is_empty_double_or_looks_like_a_jid() -> None:
    assert len(set(TOKENS)) == len(TOKENS)
    assert "" not in TOKENS
    assert not any("@" in token for token in TOKENS)
    assert max(map(len, TOKENS)) == 48


def test_every_token_has_its_bytes() -> None:
    assert len(TOKEN_BYTES) == len(TOKENS)
    assert TOKEN_BYTES["s.whatsapp.net"] == b"\x03"
    assert TOKEN_BYTES["g.us"] == b"\x1c"
    assert TOKEN_BYTES["active"] == b"\xec\x01"
    assert TOKEN_BYTES["900"] == b"\xed\x4c"
    for word in ("md", "ib", "c.us", "newsletter", "hosted", "hosted.lid", "bot", "interop"):
        assert word not in TOKEN_BYTES
