"""HTML pages: trafilatura tells the article from menus and advertising; where it finds none, the whole page is taken."""

from pathlib import Path

from handspun.corpus.extra import needed
from handspun.retrieve.loading.draft import Draft
from handspun.retrieve.loading.loaded import Loaded
from handspun.retrieve.loading.markup import read_markup

EXTRA = "retrieve"


def load_html(path: Path) -> Loaded:
    """A page with its headings, its title, author and date. Raises CorpusError where trafilatura is not installed."""
    trafilatura, utils = needed("trafilatura", path.name, EXTRA), needed("trafilatura.utils", path.name, EXTRA)
    page = utils.decode_file(path.read_bytes())
    draft = Draft()
    article = trafilatura.extract(page, output_format="html", include_comments=False, include_tables=True)
    read_markup(article or page, draft)
    facts = trafilatura.extract_metadata(page)
    metadata = {name: getattr(facts, name) for name in ("title", "author", "date")} if facts is not None else {}
    return draft.finish(metadata)
