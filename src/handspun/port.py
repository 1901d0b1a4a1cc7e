"""Whether a TCP port of this machine is free, and who has it where it is not."""

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class PortOwner:
    """The process that listens on a port."""

    pid: int
    command: str


def is_port_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now: tried, by binding."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def port_owner(port: int) -> PortOwner | None:
    """Who listens on `port`; None where nobody does, or where the system does not tell us (macOS, another user's process)."""
    sockets = {f"socket:[{inode}]" for inode in listening_inodes(port)}
    for process in PROC.glob("[0-9]*") if sockets else ():
        with suppress(OSError):  # it ended meanwhile, or belongs to another user
            if any(str(descriptor.readlink()) in sockets for descriptor in (process / "fd").iterdir()):
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                return PortOwner(int(process.name), " ".join(words).strip())
    return None


def listening_inodes(port: int) -> Iterator[str]:
    """The inodes of the sockets that listen on `port`, from the tables of the Linux kernel."""
    for table in (PROC / "net" / "tcp", PROC / "net" / "tcp6"):
        if table.is_file():
            for line in table.read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == LISTENING and int(local.rpartition(":")[2], 16) == port:
                    yield rest[5]
