"""A media host in memory, as the emulator's phone sees one."""

from __future__ import annotations

from waport.emulator.link import MediaPlace
from waport.errors import NotFound


class MiniMedia:
    """A media host that keeps everything in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.again = True

    async def upload(self, kind: str, body: bytes) -> MediaPlace:
        path = f"/v/{kind}/{len(self.files)}?ccb=1"
        self.files[path] = body
        return MediaPlace(f"https://media{path}", path)

    def upload_again(self, kind: str, sha256: bytes) -> MediaPlace | None:
        path = f"/v/{kind}/again?ccb=1"
        return MediaPlace(f"https://media{path}", path) if self.again else None

    async def download(self, direct_path: str) -> bytes:
        if direct_path not in self.files:
            raise NotFound(404, "gone")
        return self.files[direct_path]
