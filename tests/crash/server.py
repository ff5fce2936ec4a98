"""The server that dies: at a named point, or at any moment."""

from __future__ import annotations

import asyncio
import signal

from support.waport_server import WaportServer
from waport.crashpoints import ENVIRONMENT_NAME


class MortalServer(WaportServer):
    """`waport serve`, killed by SIGKILL in one way or the other."""

    async def live_until(self, point: str, count: int, timeout_s: float) -> bool:
        """Live until a crash point kills the process; whether it did in time.

        Args:
            point: its name.
            count: which of its passes is the last.
        """
        try:
            await self.start({ENVIRONMENT_NAME: f"{point}:{count}"})
            async with asyncio.timeout(timeout_s):
                await self.wait()
        except TimeoutError:
            pass
        except AssertionError:
            # Some points are passed before the port is open. What is killed by us meanwhile would
            # leave it open how it ended.
            async with asyncio.timeout(timeout_s):
                await self.wait()
            if self.died_by != signal.SIGKILL:
                raise
        has_died = self.died_by == signal.SIGKILL
        await self.kill()
        return has_died and f"crash point {point}\n" in self.last_words

    async def live_for(self, life_s: float) -> None:
        """Live so long from the moment at which it listens."""
        await self.start()
        # The moment is what is tested: it falls where it falls.
        await asyncio.sleep(life_s)
        await self.kill()
