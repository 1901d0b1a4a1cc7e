"""Whom a server talks to: hosts it may be called by, pages that may call it, and who knows the key.

A page of any site can have its own name point at this machine (DNS rebinding) and then read the answers as its own. So a name
in the Host header must be one of ours; an address may be any, since a page cannot borrow one.
"""

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from handspun.errors import RefusedError

SHORTEST_KEY = 16
MAKE_KEY = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'


class Allowed:
    """The rules of one server that is bound to `host`."""

    def __init__(self, host: str, hosts: Sequence[str] = (), api_key: str | None = None) -> None:
        """Raises RefusedError for a key that is too short, and for none where other machines reach the server."""
        if api_key is None and not is_loopback(host):
            raise RefusedError(
                f"--host {host} lets other machines in, and there is no API key; put one into a file ({MAKE_KEY}) and give it "
                f"with --api-key-file FILE, or stay on --host 127.0.0.1."
            )
        if api_key is not None and (len(api_key) < SHORTEST_KEY or not api_key.isascii() or not api_key.isprintable()):
            raise RefusedError(
                f"the API key must be {SHORTEST_KEY} or more printable ASCII characters, so that nobody guesses it and every "
                f"client can send it; make one: {MAKE_KEY}."
            )
        own = socket.gethostname().lower()
        self.names = {name.lower() for name in (host, own, f"{own}.local", *hosts)}
        self.key = hashed(api_key) if api_key else None

    def knows(self, host: str) -> bool:
        """Whether the Host header names this server."""
        name = host_name(host)
        return is_loopback(name) or is_address(name) or name in self.names

    def trusts(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` may call: one of this machine, of this server itself, or of a configured host."""
        try:
            parts = urlsplit(origin)
            name = (parts.hostname or "").lower()
        except ValueError:
            return False
        if parts.scheme not in ("http", "https"):
            return False
        return is_loopback(name) or parts.netloc.lower() == host.lower() or name in self.names

    def admits(self, authorization: str) -> bool:
        """Whether the Authorization header holds the key, where there is one. It takes as long for every wrong one."""
        if self.key is None:
            return True
        scheme, _, token = authorization.partition(" ")
        return hmac.compare_digest(hashed(token.strip()), self.key) and scheme.lower() == "bearer"


def hashed(key: str) -> bytes:
    """Keys of any length as equally many bytes."""
    return hashlib.sha256(key.encode(errors="replace")).digest()


def host_name(host: str) -> str:
    """The name in a Host header, without the port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_address(name: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether it can mean this machine alone."""
    if is_address(name):
        return ipaddress.ip_address(name).is_loopback
    return name == "localhost" or name.endswith(".localhost")
