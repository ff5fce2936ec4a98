"""A phone on which the user types a pairing code, and the server's words about codes."""

from __future__ import annotations

from waport.crypto import KeyPair, aes_gcm_decrypt, agree, hkdf
from waport.pairing import unwrap_ephemeral, wrap_ephemeral
from waport.wire import SERVER, Node

TAG = "link_code_companion_reg"


class TypingPhone:
    """A phone on which the user types a code."""

    def __init__(self, code: str, hello: Node) -> None:
        self.identity = KeyPair.generate()
        self.code = code
        wrapped = hello.child(TAG).child("link_code_pairing_wrapped_companion_ephemeral_pub")
        self.companion = unwrap_ephemeral(wrapped.data, code)
        self.ephemeral = KeyPair.generate()

    def hello(self, ref: bytes = b"REF", *, size: int = 80, identity: bytes | None = None) -> Node:
        wrapped = wrap_ephemeral(self.ephemeral.public, self.code)[:size]
        return step(
            "primary_hello",
            Node("link_code_pairing_ref", {}, ref),
            Node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, wrapped),
            Node("primary_identity_pub", {}, identity or self.identity.public),
        )

    def secret(self, finish: Node) -> bytes:
        """What companion_finish makes of the shared secret."""
        reg = finish.child(TAG)
        bundle = reg.child("link_code_pairing_wrapped_key_bundle").data
        shared = agree(self.ephemeral.private, self.companion)
        info = b"link_code_pairing_key_bundle_encryption_key"
        content = aes_gcm_decrypt(hkdf(shared, bundle[:32], info, 32), bundle[32:44], bundle[44:])
        companion = reg.child("companion_identity_public").data
        assert content[:32] == companion
        ids = agree(self.identity.private, companion)
        return hkdf(shared + ids + content[64:], b"", b"adv_secret", 32)


def step(stage: str, *children: Node, name: str = "77", **attrs: str) -> Node:
    inner = Node(TAG, {"stage": stage, **attrs}, list(children))
    return Node("notification", {"from": SERVER, "id": name, "type": TAG}, [inner])


def named(ref: bytes) -> Node:
    return Node(TAG, {}, [Node("link_code_pairing_ref", {}, ref)])
