"""What a connection says of itself in the handshake."""

from __future__ import annotations

from ..model import Credentials, LinkState
from ..pairing import ClientVersion, DeviceProfile, login_payload, registration_payload


def client_payload(
    credentials: Credentials, version: ClientVersion, profile: DeviceProfile
) -> bytes:
    """The ClientPayload that logs a linked device in, or registers a new one."""
    if credentials.state is LinkState.LINKED and credentials.pn is not None:
        return login_payload(
            user=credentials.pn.user,
            device=credentials.pn.device,
            login_counter=credentials.login_counter,
            version=version,
        )
    key = credentials.signed_pre_key
    return registration_payload(
        registration_id=credentials.registration_id,
        identity_public=credentials.identity.public,
        signed_pre_key_id=key.id,
        signed_pre_key_public=key.pair.public,
        signed_pre_key_signature=key.signature,
        version=version,
        device_props=profile.device_props(),
    )
