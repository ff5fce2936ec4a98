"""Replies of the assistant bot, encrypted under the secret of the prompt.

Source: docs/protocol/messages.md, "Bot replies".
"""

from __future__ import annotations

from typing import Final

from ..crypto import aes_gcm_decrypt, hkdf
from ..proto import pb
from ..wire import Jid
from .addons import check_iv, parse_plaintext
from .content import parse_content

_LABEL: Final = b"Bot Message"


def bot_secret(secret: bytes) -> bytes:
    """The secret that a prompt to the assistant bot carries: derived from the message's own."""
    return hkdf(secret, b"", _LABEL, 32)


def open_bot_reply(
    body: bytes, secret: bytes, *, message_id: str, prompter: Jid, bot: Jid
) -> pb.Message:
    """A reply of the assistant bot (`<enc type="msmsg">`).

    Args:
        body: the ciphertext, a MessageSecretMessage.
        secret: of the prompt.
        message_id: the stanza's, or the `edit_target_id` of later parts.
        prompter: who wrote the prompt.
        bot: who replies.

    Raises:
        CryptoError: it can't be decrypted.
        DecodeError: it is no reply.
    """
    sealed = parse_plaintext(pb.MessageSecretMessage(), body, "reply")
    check_iv(sealed.encIv)
    info = f"{message_id}{prompter.bare}{bot.bare}".encode()
    key = hkdf(bot_secret(secret), b"", info, 32)
    aad = f"{message_id}\0{bot.bare}".encode()
    return parse_content(aes_gcm_decrypt(key, sealed.encIv, sealed.encPayload, aad))
