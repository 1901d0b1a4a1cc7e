"""Makes an index ready to be searched: learns its embedder, embeds what has no vector, and tunes how both arms are fused."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path

from handspun.progress import OnProgress, unheard
from handspun.retrieve.embedder import Embedder, embed_lacking
from handspun.retrieve.embedders import make_embedder, open_embedder
from handspun.retrieve.index import Index
from handspun.retrieve.lexicon import Lexicon, stems
from handspun.retrieve.rehearsal import most_read, rehearse
from handspun.retrieve.tuned import Tuned
from handspun.retrieve.vector_cache import FILE as CACHE
from handspun.retrieve.vector_cache import forget_others

WORDS_ALONE = "words"
"""the folder of a lexicon without an embedder"""


def is_tuned(index: Index) -> bool:
    """Whether an index is searched as its settings say, has not outgrown what it was tuned on, and lacks nothing for it."""
    tuned = Tuned.of(index.store)
    if tuned is None or not (index.embedder_folder / tuned.folder).is_dir():
        return False
    return tuned.fits(index.config.embedder, index.store.counts().chunks) and not lacks_vectors(index)


def lost_folder(index: Index) -> Path | None:
    """The folder of what was learnt for searching, where it is not there any more."""
    tuned = Tuned.of(index.store)
    if tuned is None or not tuned.folder or (folder := index.embedder_folder / tuned.folder).is_dir():
        return None
    return folder


def lacks_vectors(index: Index) -> bool:
    """Whether there are chunks without a vector of the embedder that is searched."""
    tuned = Tuned.of(index.store)
    return tuned is not None and tuned.embedder is not None and any(index.store.lacking(tuned.embedder))


def tune(index: Index, on_progress: OnProgress = unheard) -> Tuned | None:
    """Tune an index; None where there is nothing in it. Until the new vectors are whole the old ones are searched.

    Progress is counted in chunks and questions that are read, those of the trial first. It may be stopped at any time: what was
    embedded stays. Raises RetrieveError where the embedder is not to be had.
    """
    with index.lock():
        chunks = list(index.store.every_chunk())
        if not chunks:
            return None
        total = most_read(len(chunks)) + len(chunks)
        on_progress(0, total)
        found = rehearse(chunks, index.config.embedder, index.folder / CACHE, lambda n: on_progress(n, total))
        words = [stems(chunk.searched_text) for chunk in chunks]
        embedder = make_embedder(index.config.embedder, words, index.folder / CACHE) if found.weight else None
        folder = index.embedder_folder / (embedder.name if embedder else WORDS_ALONE)
        save(embedder, Lexicon.of(words), folder)
        if embedder is not None:
            embed_lacking(index.store, embedder, lambda done, n_lacking: on_progress(total - n_lacking + done, total))
        made = {"asked": index.config.embedder, "folder": folder.name, "embedder": embedder and embedder.name}
        tuned = Tuned(**made, n_chunks=len(chunks), **asdict(found))
        switch(index, tuned)
        on_progress(total, total)
        return tuned


def switch(index: Index, tuned: Tuned) -> None:
    """Search as tuned from now on. A crash in between leaves words alone, and an index that is to be tuned again."""
    replace(tuned, folder="", embedder=None, weight=0.0).note(index.store)
    index.store.use_embedder(tuned.embedder)
    tuned.note(index.store)
    forget(index, tuned)


def save(embedder: Embedder | None, lexicon: Lexicon, folder: Path) -> None:
    """Keep the words of an index, and an embedder that was learnt from it."""
    folder.mkdir(parents=True, exist_ok=True)
    lexicon.save(folder)
    if embedder is not None:
        embedder.save(folder)


def forget(index: Index, tuned: Tuned) -> None:
    """Remove what earlier embedders left behind."""
    for folder in index.embedder_folder.iterdir():
        if folder.name != tuned.folder:
            shutil.rmtree(folder)
    forget_others(index.folder / CACHE, tuned.embedder or "")


def embedder_in_use(index: Index) -> Embedder | None:
    """The embedder whose vectors are searched; new chunks need vectors of it, too. None where it was deleted, which the next
    tuning heals. Raises DamagedFileError, RetrieveError.
    """
    tuned = Tuned.of(index.store)
    if tuned is None or tuned.embedder is None or not (folder := index.embedder_folder / tuned.folder).is_dir():
        return None
    return open_embedder(tuned.asked, folder, index.folder / CACHE)
