"""What a media host holds and answers, for a web host that a test has started."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.responses import Response

from waport.client.clock import Clock
from waport.media import upload_token

from .web_host import Asked


class InstantClock(Clock):
    """Time passes only while somebody sleeps, and then at once."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class MediaStore:
    """What media hosts hold; the answers of a well-behaved one."""

    files: dict[str, bytes] = field(default_factory=dict)
    held: dict[str, bytes] = field(default_factory=dict)
    auth: str = "good"

    def answer(self, asked: Asked) -> Response:
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.method == "GET":
            body = self.files.get(asked.path)
            return Response(status_code=404) if body is None else Response(body)
        if query["auth"] != self.auth:
            return Response(status_code=401)
        token = query["token"]
        assert asked.path.endswith(f"/{token}")
        if "resume" in query:
            if f"/v/{token}" in self.files:
                return self.done(token, {"resume": "complete"})
            return Response(json.dumps({"resume": len(self.held.get(token, b""))}))
        body = self.held.get(token, b"")[: int(query.get("file_offset", "0"))] + asked.body
        if upload_token(hashlib.sha256(body).digest()) != token:
            return Response(status_code=400)
        self.files[f"/v/{token}"] = body
        return self.done(token)

    def done(self, token: str, more: dict[str, str] | None = None) -> Response:
        path = f"/v/{token}?ccb=1&oh=2"
        url = f"https://mmg.whatsapp.net{path}"
        return Response(
            json.dumps(
                {"url": url, "direct_path": path, "handle": "H", "object_id": "O"} | (more or {})
            )
        )
