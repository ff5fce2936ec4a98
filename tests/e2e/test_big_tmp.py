from __future__ import annotations
import base64, hashlib, time
from pathlib import Path
from typing import TYPE_CHECKING
import pytest
if TYPE_CHECKING:
    from .conftest import World
SESSION="main"
def peak(pid): 
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"): return int(line.split()[1])/1024
def reset(pid): Path(f"/proc/{pid}/clear_refs").write_text("5")

async def test_big(world, tmp_path):
    await world.link()
    alice, phone = await world.person("Alice")
    chat=f"{alice.jid.user}@c.us"
    pid = world.server.pid
    await world.server.send_text(SESSION, chat, "hi")
    size = 200*1024*1024
    path = tmp_path/"big"
    with path.open("wb") as f:
        for i in range(200): f.write(bytes([i])*1024*1024)
    t=time.time()
    reset(pid); before=peak(pid)
    with path.open("rb") as f:
        r = await world.server.api.post(f"/client/sendMessage/{SESSION}", data={"chatId": chat}, files={"file": ("big.bin", f, "application/octet-stream")}, timeout=120)
    assert r.status_code==200, r.text
    print("upload", time.time()-t, before, peak(pid))
    mid=r.json()["message"]["id"]["id"]
    t=time.time(); reset(pid); before=peak(pid)
    n=0
    async with world.server.api.stream("POST", f"/message/downloadMedia/{SESSION}", json={"chatId": chat, "messageId": mid}, timeout=120) as r:
        async for piece in r.aiter_raw(): n+=len(piece)
    print("download", time.time()-t, n, r.headers["content-length"], before, peak(pid))
    import json
    t=time.time(); reset(pid); before=peak(pid)
    data = base64.b64encode(bytes(35*1024*1024)).decode()
    r = await world.server.api.post(f"/client/sendMessage/{SESSION}", json={"chatId": chat, "contentType":"MessageMedia","content":{"mimetype":"application/x","data":data}}, timeout=120)
    assert r.status_code==200, r.text
    print("json", time.time()-t, before, peak(pid))
    assert 0
