"""The linked device."""

from __future__ import annotations

from waport.crypto import KeyPair
from waport.model import Credentials
from waport.signal import SignedPreKey


def test_secrets_do_not_show_in_the_text_of_credentials() -> None:
    identity = KeyPair.generate()
    secret = b"shared with the phone"
    credentials = Credentials(
        KeyPair.generate(), identity, 1, SignedPreKey.create(identity, 1), adv_secret=secret
    )
    assert "shared with" not in repr(credentials)
    assert repr(identity.private) not in repr(credentials)
