"""handspun serve: trained models behind the protocols of Ollama and OpenAI, and a page to chat in."""

import os
import signal
import socket
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handspun.cli import terminal
from handspun.cli.interrupt import ends_at_once
from handspun.cli.workshop import RUNS, find_weights
from handspun.device import keep_few_kernels
from handspun.errors import DeviceError, PortError, RefusedError, RunError, SettingsError
from handspun.files import reason
from handspun.generate.config import EngineName, GenerateConfig
from handspun.quantize.config import Scheme
from handspun.recipe import load_recipe
from handspun.runs import Run
from handspun.serve.config import ServeConfig
from handspun.settings import apply_overrides, build, parse_override, to_tree

if TYPE_CHECKING:
    from handspun.serve.allowed import Allowed
    from handspun.serve.indexes import Indexes
    from handspun.serve.library import Library

CREATED = Path("served")
"""Where the names that clients create are kept: beside runs/."""
KEY_VARIABLE = "HANDSPUN_API_KEY"
ENGINE_KEY = "generate.engine="
PACKAGES = ("fastapi", "prometheus_client", "uvicorn")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """What an override may name here."""

    serve: ServeConfig = field(default_factory=ServeConfig)
    generate: GenerateConfig = field(default_factory=GenerateConfig)


def serve(
    *runs: str,
    index: tuple[str, ...] = (),
    host: str = "127.0.0.1",
    port: int | None = None,
    api_key_file: Path | None = None,
) -> int:
    """Serve trained models behind the protocols of Ollama and OpenAI, and a page to chat in.

    Prints one line with its URL once it answers. Models are loaded when they are first asked for.

    Parameters
    ----------
    runs
        Run folders, or names of runs in runs/, with :int8 or another scheme for nothing but those weights; and keys to set,
        such as serve.max_rows=4. Without a run: all that are finished.
    index
        Indexes to answer through, as folders or names in indexes/; may be given several times. Without it: all in indexes/,
        and the runs' own.
    host
        The address to listen on. Where other machines reach it, an API key is needed.
    port
        The TCP port; 0 takes any that is free. Without it: 11434, where Ollama's clients look, or the next one that is free.
    api_key_file
        A file whose text clients must send as their key. Without it, the variable HANDSPUN_API_KEY may hold the key.
    """
    with ends_at_once(0, signal.SIGINT, signal.SIGTERM):  # until there is a server to stop
        return serve_until_told(runs, index, host, port, api_key_file)


def serve_until_told(
    words: Sequence[str], indexes: Sequence[str], host: str, port: int | None, api_key_file: Path | None
) -> int:
    """Open a door and serve behind it, where handspun does not serve there already."""
    require_packages()
    overrides = [word for word in words if "=" in word]
    chosen = [find_weights(word) for word in words if "=" not in word]
    runs = [run for run, _, _ in chosen]
    engine = engine_named(overrides)
    config = serve_config(runs, [word for word in overrides if not word.startswith(ENGINE_KEY)])
    asked = asked_port(port, config, overrides)
    from handspun.serve.doorway import require_own, url_of

    require_own(host)
    key = api_key(api_key_file)
    keep_few_kernels()
    from handspun.serve.allowed import Allowed

    allowed = Allowed(host, config.hosts, key)
    library = open_library(runs, schemes_of(chosen), engine, open_indexes(indexes))
    settings = {name: value for name, value in to_tree(config).items() if f"serve.{name}" in keys_of_overrides(overrides)}
    listener = open_door(host, config.port, asked=asked, names=names_asked(library, indexes), key=key, settings=settings)
    if listener is not None:
        serve_behind(listener, url_of(host, listener.getsockname()[1]), library, config, allowed)
    return 0


def serve_behind(listener: socket.socket, url: str, library: "Library", config: ServeConfig, allowed: "Allowed") -> None:
    """Serve behind a door that is open, until told to stop."""
    from handspun.serve.app import build_app
    from handspun.serve.journal import open_journal
    from handspun.serve.models import Models
    from handspun.serve.server import Server

    def say_ready() -> None:
        models, indexes = [entry.short_name for entry in library.plain_entries()], list(library.index_folders)
        through = f" with {', '.join(f'+{name}' for name in indexes)}" if indexes else ""
        terminal.say(f"serving {', '.join(models)}{through} at {url}; Ctrl-C stops it")
        terminal.write_line(url)

    def say_stopping(n_replies: int) -> None:
        if n_replies:
            replies = "1 reply has" if n_replies == 1 else f"{n_replies:,} replies have"
            terminal.say(f"stopping: {replies} up to {config.drain_s:g} s")

    open_journal(sys.stderr)
    models = Models(library, config)
    Server(build_app(models, config, allowed), models, config, say_ready, say_stopping).run(sockets=[listener])


def require_packages() -> None:
    """Raises DeviceError where the extra is not installed."""
    if missing := [package for package in PACKAGES if find_spec(package) is None]:
        raise DeviceError(f'serving needs {missing[0]}, which is not installed: pip install "handspun[serve]".')


def serve_config(runs: Sequence[Run], overrides: Sequence[str]) -> ServeConfig:
    """The `[serve]` table of the run, where it is one, with overrides. Raises SettingsError for keys of other tables."""
    for override in overrides:
        if not override.startswith("serve."):
            raise SettingsError(f"{override} changes nothing in a trained model; override keys of [serve], or generate.engine.")
    if len(runs) == 1:
        return load_recipe(str(runs[0].path), overrides).serve
    return build(Tables, apply_overrides({}, overrides)).serve


def asked_port(port: int | None, config: ServeConfig, overrides: Sequence[str]) -> int | None:
    """The port that the command line names; None where it names none. Raises PortError."""
    if port is not None and not 0 <= port < 2**16:
        raise PortError(f"--port {port}: must lie between 0 and 65535; without it, 11434 or the next free port is taken.")
    return config.port if port is None and "serve.port" in keys_of_overrides(overrides) else port


def keys_of_overrides(overrides: Sequence[str]) -> set[str]:
    """The dotted keys that are set."""
    return {parse_override(override)[0] for override in overrides}


def schemes_of(chosen: Sequence[tuple[Run, Path, Scheme | None]]) -> dict[Path, set[Scheme]]:
    """The schemes that were named, of each run that was not named itself, too."""
    whole = {run.path for run, _, scheme in chosen if scheme is None}
    schemes: dict[Path, set[Scheme]] = {}
    for run, _, scheme in chosen:
        if scheme is not None and run.path not in whole:
            schemes.setdefault(run.path, set()).add(scheme)
    return schemes


def engine_named(overrides: Sequence[str]) -> EngineName | None:
    """The engine for every model, where there is one among the overrides. Raises SettingsError for one that there is not."""
    named = [override for override in overrides if override.startswith(ENGINE_KEY)]
    return build(Tables, apply_overrides({}, named)).generate.engine if named else None


def api_key(file: Path | None) -> str | None:
    """The key that clients must know, where there is one. Raises RefusedError for a file that holds none."""
    if file is None:
        return os.environ.get(KEY_VARIABLE) or None
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(
            f"--api-key-file {file} cannot be read ({reason(error)}); name a file that holds the key."
        ) from error
    if not key:
        raise RefusedError(f"--api-key-file {file} is empty; put the key that clients must send into it.")
    return key


def open_indexes(names: Sequence[str]) -> "Indexes":
    """The indexes that are named, or those in indexes/ and the runs' own. Raises RetrieveError."""
    from handspun.retrieve.index import INDEXES, Index
    from handspun.serve.indexes import Indexes

    folders = []
    for name in names:
        with closing(Index.open(name)) as index:  # what cannot be asked is said to be so now
            folders.append(index.folder)
    return Indexes(folders or None, folder=INDEXES)


def names_asked(library: "Library", indexes: Sequence[str]) -> list[str]:
    """What a server that is there already must serve for this one to be superfluous."""
    return [entry.name for entry in library.entries()] if indexes else library.trained_names()


def open_library(
    runs: Sequence[Run],
    schemes: Mapping[Path, Collection[str]],
    engine: EngineName | None = None,
    indexes: "Indexes | None" = None,
) -> "Library":
    """These runs, or all that are finished; of some only these schemes.

    Raises RunError where there are none, CheckpointError, DamagedFileError.
    """
    from handspun.serve.library import Library

    library = Library(runs, created=CREATED, folder=None if runs else RUNS, schemes=schemes, engine=engine, indexes=indexes)
    for name in library.trained_names():
        library.entry(name)  # what cannot be served is said to be so now, and not when it is asked for
    if not library.trained_names():
        raise RunError("no run in runs/ has finished its training; `handspun make quickstart` makes one.")
    return library


def open_door(
    host: str,
    default: int,
    *,
    asked: int | None,
    names: Sequence[str],
    key: str | None,
    settings: Mapping[str, Any] | None = None,
) -> socket.socket | None:
    """A socket on the port that was asked for, or on the default one or the next; None where handspun serves there already.

    Raises PortError with the owner of a port that was asked for, and the next free one; also where the handspun that serves
    there does so with other `settings`.
    """
    from handspun.serve.doorway import find_neighbor, listen, listen_nearby, taken_by

    port = default if asked is None else asked
    if listener := listen(host, port):
        return listener
    neighbor = find_neighbor(host, port, key)
    if neighbor and neighbor.serves(names):
        neighbor.require_settings(settings or {})
        terminal.say(f"handspun {neighbor.version} serves at {neighbor.url} already: nothing to do")
        terminal.write_line(neighbor.url)
        return None
    taken = taken_by(host, port)
    if neighbor:
        served = ", ".join(neighbor.models or ["nothing"])
        taken += f", which serves {served} and not all of {', '.join(names)}"
    listener = listen_nearby(host, port)
    free = listener.getsockname()[1]
    if asked is not None:
        listener.close()
        raise PortError(f"{taken}; the next free port is {free}: --port {free}.")
    terminal.say(f"{taken}: taking port {free} instead")
    return listener
