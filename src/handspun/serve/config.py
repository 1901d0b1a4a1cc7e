"""How trained models are served, as a recipe gives it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeConfig:
    """The `[serve]` table of a recipe: what a server grants to whom, and for how long."""

    port: int = 11434
    """TCP port; it is Ollama's, which clients look for. 0: any that is free"""
    hosts: tuple[str, ...] = ()
    """names besides localhost under which browsers and clients may address it, as a reverse proxy passes them on"""
    max_rows: int = 16
    """replies that one model writes at once; further requests wait"""
    num_ctx: int | None = None
    """tokens of prompt and reply together that memory is set aside for, per reply. Absent: what each model was made for"""
    queue: int = 1024
    """requests that may wait for one model; the next one is answered with 503"""
    max_models: int = 4
    """models in memory at once; the one that was not used for longest makes room"""
    keep_alive_s: float = 300.0
    """seconds that a model stays in memory after its last request, where the request does not say"""
    drain_s: float = 10.0
    """seconds that replies under way get to end in when the server is told to stop"""
    max_body_mib: float = 16.0
    """largest body of a request, in MiB"""
    max_connections: int = 4096
    """connections at once; the next one is answered with 503"""
    idle_s: float = 30.0
    """seconds that a client may take over the head of a request, between two parts of its body, or between two requests"""

    def __post_init__(self) -> None:
        if not 0 <= self.port < 2**16:
            raise ValueError(f"port={self.port}: must lie between 0 and 65535")
        for key, lowest, highest in BOUNDS:
            value = getattr(self, key)
            if value is not None and not lowest <= value <= highest:
                raise ValueError(f"{key}={value}: must lie between {lowest:,} and {highest:,}")
        for host in self.hosts:
            if not host or set(host) & set("/ *?#@"):
                raise ValueError(f'hosts=["{host}"]: must be host names, without a scheme, a path or a pattern')


BOUNDS = (
    ("max_rows", 1, 1024),
    ("num_ctx", 2, 2**24),
    ("queue", 1, 65_536),
    ("max_models", 1, 64),
    ("keep_alive_s", 0, 10**9),
    ("drain_s", 0, 3600),
    ("max_body_mib", 0.001, 1024),
    ("max_connections", 1, 65_536),
    ("idle_s", 0.1, 3600),
)
"""The least and the most that a key may say."""
