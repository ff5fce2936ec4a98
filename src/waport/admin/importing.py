"""`waport import`: a device that Baileys has linked goes on as a session of ours."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..config import Settings
from ..errors import InvalidInput, StoreError
from ..sessions import SESSION_ID, SessionFolders
from ..store import Database, UnitOfWork
from .baileys_folder import AuthFolder, read_auth_folder


async def import_baileys(settings: Settings, folder: Path, session_id: str) -> list[str]:
    """Take a device over, in one transaction; the folder is only read.

    Returns:
        what was taken over, for people.

    Raises:
        InvalidInput: the session's id is unusable, or the folder holds no linked device.
        StoreError: the session exists, or the database can't be opened, since the server runs for
            example.
    """
    if SESSION_ID.fullmatch(session_id) is None:
        raise InvalidInput("a session id has letters, digits, _ and - only")
    found = await asyncio.to_thread(read_auth_folder, folder)
    database = await Database.open(settings.store_url, secrets=settings.secrets)
    try:
        folders = SessionFolders(settings.sessions_path)
        await asyncio.to_thread(folders.make, session_id)
        await database.write(session_id, lambda work: _store(work, found))
    except OSError as exc:
        raise StoreError(f"the session's folder can't be made: {exc.strerror}") from exc
    finally:
        await database.close()
    lines = [
        f"{session_id}: {found.credentials.pn.masked if found.credentials.pn else ''}",
        f"{len(found.sessions)} sessions, {len(found.sender_keys)} sender keys, "
        f"{len(found.pre_keys)} pre-keys, {len(found.sync_keys)} app state keys, "
        f"{len(found.mappings)} hidden ids",
    ]
    if found.unreadable:
        lines.append(f"left out, since damaged: {', '.join(found.unreadable[:20])}")
    return lines


def _store(work: UnitOfWork, found: AuthFolder) -> None:
    work.devices.create(found.credentials)
    work.signal.put_signed_pre_key(found.credentials.signed_pre_key)
    for uploaded in (True, False):
        keys = [k for k in found.pre_keys if (k.id < found.uploaded_below) is uploaded]
        work.signal.add_pre_keys(keys, uploaded=uploaded)
    work.signal.put_sessions(found.sessions)
    for address, identity in found.identities.items():
        work.signal.put_identity(address, identity)
    for (group, address), record in found.sender_keys.items():
        work.sender_keys.put(group, address, record)
    for sync_key in found.sync_keys:
        work.sync_keys.put(sync_key)
    for pn, lid in found.mappings:
        work.addresses.learn(pn, lid)
