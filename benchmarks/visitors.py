"""A server of ours in a process of its own, and clients of its streams: quick ones, and ones that read slowly."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SAMPLE_S = 0.2
"""How often the server's memory is looked at."""


@dataclass(frozen=True)
class Visit:
    """What one client was told, and when (seconds of time.perf_counter)."""

    status: int
    asked: float
    first: float
    ended: float
    last_line: dict[str, Any]

    @property
    def n_tokens(self) -> int:
        """Tokens of the reply; none where it did not come to its end."""
        return self.last_line.get("eval_count", 0) if self.last_line.get("done") else 0


@dataclass
class Server:
    """A running `handspun serve`."""

    process: subprocess.Popen[str]
    url: str
    most_bytes: int = field(default=0)

    @property
    def rss_bytes(self) -> int:
        """Memory it occupies now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    async def visit(self, request: dict[str, Any], pause_s: float = 0.0) -> Visit:
        """Send a request to /api/generate and read its stream, with a pause before each line."""
        place = urlsplit(self.url)
        body, asked = json.dumps(request).encode(), time.perf_counter()
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        head = f"POST /api/generate HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        status, first, last_line = int((await reader.readline()).split()[1]), 0.0, b"{}"
        while line := await reader.readline():
            if line.startswith(b"{"):
                first, last_line = first or time.perf_counter(), line
                await asyncio.sleep(pause_s)
        writer.close()
        return Visit(status, asked, first, time.perf_counter(), json.loads(last_line))

    async def watch_memory(self) -> None:
        """Note the most memory it occupies, until cancelled."""
        while True:
            self.most_bytes = max(self.most_bytes, self.rss_bytes)
            await asyncio.sleep(SAMPLE_S)


@contextmanager
def serving(run: Path, *overrides: str) -> Iterator[Server]:
    """A server of one run on a free port, stopped at the end."""
    command = [sys.executable, "-m", "handspun", "serve", str(run), "--port", "0", *overrides]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, "the server did not start"
            yield Server(process, url)
        finally:
            process.terminate()
