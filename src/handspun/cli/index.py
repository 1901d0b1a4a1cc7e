"""handspun index: documents of your own as something to be searched and cited."""

import shlex
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App

from handspun.cli import terminal
from handspun.cli.index_report import json_of, show, show_tuned
from handspun.cli.index_store import doctor, migrate, remove
from handspun.cli.os_errors import sentence_of
from handspun.cli.progress import Progress
from handspun.cli.workshop import find_run
from handspun.errors import HandspunError
from handspun.retrieve.config import RetrieveConfig
from handspun.settings import apply_overrides, build, to_tree

if TYPE_CHECKING:
    from handspun.retrieve.index import Index

index = App(name="index", help="Make files and folders searchable, and bring an index up to date.")
index.command(doctor)
index.command(migrate)
index.command(remove)


@index.default
def make(*paths: str, name: str, run: str | None = None, json: bool = False) -> None:
    """Index files and folders: indexes/NAME then holds their text in chunks that can be searched and cited.

    The same command again reads what is new or has changed, and goes on where it was stopped. Settings that it does not name
    stay as they are.

    Parameters
    ----------
    paths
        Files and folders to index, and keys to set, such as chunk_tokens=120.
    name
        How the index is called, or a folder for it.
    run
        A run folder, or the name of one in runs/: its tokenizer counts the tokens of a chunk. Of a new index they are otherwise
        estimated.
    json
        Print one JSON object: files, chunks, added, changed, removed, failed, failures, in_part, unread, seconds.
    """
    from handspun.retrieve.index import Index, folder_for, known_settings
    from handspun.retrieve.scan import scan
    from handspun.stages.tokenize import tokenizer_folder
    from handspun.tokens.tokenizer import Tokenizer

    overrides = [word for word in paths if "=" in word and not Path(word).exists()]
    folder = folder_for(name)
    known = known_settings(folder)
    config = build(RetrieveConfig, apply_overrides(to_tree(replace(known.retrieve, sources=())) if known else {}, overrides))
    roots = [Path(word).expanduser() for word in [word for word in paths if word not in overrides] or config.sources]
    found = None if run is None else find_run(run)
    tokenizer = None if found is None else Tokenizer.load(tokenizer_folder(found))
    counted_by = str(found.path) if found else known and known.run
    scan(roots)
    made = Index.create(folder, config, roots, run=counted_by, tokenizer=tokenizer)
    mention_if_unservable(made)
    bring_up_to_date(made, json=json)


@index.command
def sync(name: str, *settings: str, json: bool = False) -> None:
    """Read what is new or has changed in the folders of an index, and remove what is gone from them.

    With embedder=… the index changes its embedder; until all new vectors are made the old ones are searched. With sources=… it
    is made of those files and folders from now on.

    Parameters
    ----------
    name
        The name of an index in indexes/, or its folder.
    settings
        Keys to set anew, such as embedder=minilm or sources='["notes", "letters"]'.
    json
        Print one JSON object: files, chunks, added, changed, removed, failed, failures, in_part, unread, seconds.
    """
    from handspun.retrieve.index import Index
    from handspun.retrieve.scan import scan

    opened = Index.open(name, to_sync=True)
    if settings:
        config = build(RetrieveConfig, apply_overrides(to_tree(replace(opened.config, sources=())), settings))
        roots = [Path(source).expanduser() for source in config.sources] or opened.roots
        scan(roots)
        opened = opened.changed(config, roots)
    bring_up_to_date(opened, json=json)


@index.command(name="list")
def list_indexes(*, json: bool = False) -> None:
    """List the indexes in indexes/: what each holds, and what it is made of.

    Parameters
    ----------
    json
        Print one JSON object: {"indexes": [...]}.
    """
    from handspun.retrieve.index import INDEXES, known_indexes

    known = known_indexes()
    rows = [row for name in known if (row := summary(name)) is not None]
    if json:
        terminal.write_json({"indexes": rows})
    elif rows:
        columns = ("index", "files", "failed", "chunks", "embedder", "store", "made of")
        terminal.table(columns, [(*list(row.values())[:-1], ", ".join(row["roots"])) for row in rows])
    elif not known:
        terminal.say(f"no indexes in {INDEXES}; `handspun index FOLDER --name NAME` makes the first one.")


def summary(name: str) -> dict[str, Any] | None:
    """One index for scripts, or None where it cannot be read, which is said."""
    from handspun.retrieve.index import Index

    try:
        with closing(Index.open(name)) as opened:
            failed = sum(file.status == "failed" for file in opened.store.files().values())
            counts = opened.store.counts()
            config = opened.config
    except HandspunError as error:
        terminal.error(str(error))
        return None
    except PermissionError as error:
        terminal.error(sentence_of(error) or str(error))
        return None
    return {
        "name": name,
        "files": counts.files,
        "failed": failed,
        "chunks": counts.chunks,
        "embedder": config.embedder,
        "store": config.store,
        "roots": [str(root) for root in opened.roots],
    }


def mention_if_unservable(opened: "Index") -> None:
    """Say of an index that no client can name that it is searched and asked here, but not served."""
    from handspun.serve.indexes import NAME, name_of

    if not NAME.fullmatch(name := name_of(opened.folder)):
        terminal.say(f'no client can send "{name}", so it will not be served; letters, digits, ".", "_", "-" in a name can be.')


def bring_up_to_date(opened: "Index", *, json: bool) -> None:
    """Sync an index, tune how it is searched where that is new or has outgrown it, and say what came of it."""
    from handspun.retrieve.ingest import sync
    from handspun.retrieve.tuning import is_tuned, tune

    began = time.monotonic()
    with closing(opened):
        with Progress(f"index {opened.name}", unit="bytes") as progress:
            report = sync(opened, progress)
        show(report)
        if not is_tuned(opened):
            with Progress(f"tune {opened.name}", unit="texts") as progress:
                tuned = tune(opened, progress)
            show_tuned(tuned, opened.config.min_score)
    if json:
        terminal.write_json({**json_of(report), "seconds": round(time.monotonic() - began, 3)})
    else:
        name = shlex.quote(opened.name)
        terminal.say(
            f'`handspun search {name} "WORDS"` looks something up; `handspun ask RUN "QUESTION" --index {name}` answers.'
        )
