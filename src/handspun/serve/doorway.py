"""The address that a server listens on: taken, or said to be whose it is."""

import errno
import json
import socket
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from handspun.errors import PortError
from handspun.port import port_owner
from handspun.settings import toml_text

NEXT_PORTS = 100
"""How many ports after a taken one are tried."""
PROBE_S = 3.0
MAX_PROBE_BYTES = 1 << 20
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A handspun that serves already."""

    url: str
    version: str
    models: tuple[str, ...] | None
    """the names it serves; None where it does not tell"""
    settings: Mapping[str, Any] | None = None
    """its `[serve]` table; None where it does not tell"""

    def serves(self, names: Sequence[str]) -> bool:
        """Whether it has all of these, as far as it tells."""
        return self.models is None or set(names) <= set(self.models)

    def require_settings(self, settings: Mapping[str, Any]) -> None:
        """Raises PortError where it is known to serve with other ones. The port is where it is."""
        others = [key for key, value in settings.items() if key != "port" and value != (self.settings or settings).get(key)]
        if others:
            raise PortError(
                f"handspun {self.version} serves at {self.url} already, and not with serve.{others[0]}="
                f"{toml_text(settings[others[0]])}; stop it first, or serve on another port: --port 0."
            )


def require_own(host: str) -> None:
    """Raises PortError where `host` is no address of this machine."""
    if listener := listen(host, 0):
        listener.close()


def listen(host: str, port: int) -> socket.socket | None:
    """A socket that listens there; None where somebody else does. Raises PortError for an address that cannot be."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise PortError(f"--host {host} is no address of this machine ({error.strerror}); take 127.0.0.1.") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            return None
        if error.errno == errno.EADDRNOTAVAIL:
            raise PortError(f"--host {host} is no address of this machine; take 127.0.0.1.") from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise PortError(f"port {port} may not be taken by this user; choose one above 1023 with --port.") from error
        raise PortError(f"nothing can listen on {host}, port {port} ({error.strerror}); take --host 127.0.0.1.") from error
    return listener


def listen_nearby(host: str, port: int) -> socket.socket:
    """A socket on the next port that is free. Raises PortError."""
    for candidate in range(port + 1, min(port + 1 + NEXT_PORTS, 2**16)):
        if listener := listen(host, candidate):
            return listener
    raise PortError(f"the ports from {port} on are all taken; take any that is free with --port 0.")


def taken_by(host: str, port: int) -> str:
    """Who has a port, in words."""
    owner = port_owner(port)
    who = f"process {owner.pid} ({owner.command})" if owner else "a process of another user, or one that cannot be seen,"
    return f"port {port} of {host} is taken by {who}"


def find_neighbor(host: str, port: int, api_key: str | None = None) -> Neighbor | None:
    """The handspun that listens there; None where it is somebody else."""
    url = url_of(host, port)
    health = fetched(f"{url}/healthz")
    if health.get("server") != "handspun":
        return None
    tags = fetched(f"{url}/api/tags", api_key)
    models = tuple(str(model["name"]) for model in tags["models"]) if "models" in tags else None
    settings = fetched(f"{url}/api/version", api_key).get("serve")
    return Neighbor(url, str(health.get("version")), models, settings if isinstance(settings, dict) else None)


def fetched(url: str, api_key: str | None = None) -> dict[str, Any]:
    """The JSON object that is answered; an empty one where nothing of the kind is."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {api_key}"} if api_key else {})
    try:
        with NO_PROXY.open(request, timeout=PROBE_S) as answer:
            value = json.loads(answer.read(MAX_PROBE_BYTES))
    except (OSError, HTTPException, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def url_of(host: str, port: int) -> str:
    """Where clients on this machine find a server that listens on `host`."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
