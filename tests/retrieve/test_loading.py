import os
from pathlib import Path

import pytest
from documents import BODY, CONTAINER, DOCX, ENTITIES, EPUB, EXTERNAL, PACKAGE, pdf_of, write_zip

from handspun.corpus import extra
from handspun.errors import CorpusError
from handspun.retrieve.loading.draft import Draft
from handspun.retrieve.loading.formats import SUFFIXES, load, suffix_of
from handspun.retrieve.loading.limits import MAX_PARTS, SMALL_BYTES
from handspun.retrieve.loading.loaded import Loaded
from handspun.retrieve.loading.markup import read_markup
from handspun.retrieve.loading.restructured import restructured_headings

STORY = "<p>" + "The fox runs through the forest at night, and nobody hears it. " * 4 + "</p>"


def only(path: Path) -> Loaded:
    (loaded,) = load(path)
    return loaded


def headings(loaded: Loaded) -> list[tuple[int, str]]:
    """Levels and titles, each heading standing where it says it does."""
    words = [" ".join(loaded.text[heading.start : heading.end].split()).lower() for heading in loaded.headings]
    assert all(heading.title.lower() in text for heading, text in zip(loaded.headings, words))
    return [(heading.level, heading.title) for heading in loaded.headings]


def reason_of(path: Path) -> str:
    with pytest.raises(CorpusError) as raised:
        list(load(path))
    return str(raised.value)


def test_text_is_stored_without_marks_control_characters_and_foreign_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rth\xc2\xadree\x00\x1b\x0cfour\n")
    assert only(tmp_path / "a.txt").text == "one\ntwo\nthree\nfour\n"
    (tmp_path / "b.txt").write_text("zwölf", encoding="utf-16")
    assert only(tmp_path / "b.txt").text == "zwölf"
    (tmp_path / "c.txt").write_bytes(b"na\xefve")
    assert reason_of(tmp_path / "c.txt").startswith("byte 2 is not UTF-8; save it as UTF-8, from Latin-1 for instance: iconv ")
    (tmp_path / "d.txt").write_bytes(b"\x7fELF\0\xff")
    assert "no text at all" in reason_of(tmp_path / "d.txt")


def test_headings_of_markdown_are_found_and_what_stands_in_code_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "---\ntitle: x\n---\n# Fox ##\n\nIt runs. # no\n\n#hashtag\n\nFood\n====\n\n```sh\n# a comment\n```\n\n"
        "~~~\n```\n# no\n~~~\n\n    # code\n\n- item\n---\n\nHares and\nmice\n---\n\n####### seven\n\n###### Deep\n#\n"
    )
    assert headings(only(tmp_path / "a.md")) == [(1, "Fox"), (1, "Food"), (2, "mice"), (6, "Deep")]
    assert only(tmp_path / "a.md").metadata == {"title": "Fox"}


def test_headings_of_restructured_text_rank_in_the_order_of_their_lines() -> None:
    text = (
        "===\nFox\n===\n\nIt runs.\n\nFood\n----\n\nHares.\n\nMice\n~~~~\n\nSmall.\n\nSleep\n-----\n\n"
        "Short line\n---\n\n==== ====\na    b\n==== ====\n"
    )
    found = [(heading.level, heading.title) for heading in restructured_headings(text)]
    assert found == [(1, "Fox"), (2, "Food"), (3, "Mice"), (2, "Sleep")]
    assert text[next(restructured_headings(text)).end :].startswith("\n\nIt runs.")


def test_each_record_of_a_jsonl_file_is_a_document_of_its_own_name(tmp_path: Path) -> None:
    lines = (
        '{"text": "The fox.", "id": "f", "title": "Fox", "year": 2020, "tags": ["a"], "deep": {"no": 1}, "long": "'
        + "x" * 1001
        + '"}',
        '{"text": "The dog."}',
        '{"text": "Again.", "id": "f"}',
        '{"text": "Two.", "id": 2}',
        '{"text": " "}',
        '{"text": "Large.", "big": 99999999999999999999999, "id": "' + "y" * 300 + '"}',
    )
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    found = list(load(tmp_path / "a.jsonl"))
    assert [(loaded.id, loaded.text) for loaded in found] == [
        ("f", "The fox."),
        ("2", "The dog."),
        ("f:3", "Again."),
        ("2:4", "Two."),
        ("6", "Large."),
    ]
    assert found[0].metadata == {"title": "Fox", "year": 2020, "tags": ["a"]} and found[4].metadata == {}
    assert [heading.title for heading in found[0].headings] == ["Fox"]


def test_lines_that_are_no_documents_are_counted_and_the_first_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "The fox."}\n{"words": 1}\nno\n{"text": "The dog."}\n')
    found = []
    with pytest.raises(CorpusError, match='2 of its lines could not be read; line 2: no "text"'):
        found.extend(load(tmp_path / "a.jsonl"))


def test_a_word_document_gives_its_paragraphs_tables_and_headings_in_any_language(tmp_path: Path) -> None:
    loaded = only(write_zip(tmp_path / "a.docx", DOCX))
    assert loaded.text == "The fox\n\nIt runs\tfast.\n\nFood\n\nhares | 7\n\nA box."
    assert headings(loaded) == [(1, "The fox"), (2, "Food")]
    assert loaded.metadata == {"title": "Foxes & hares", "author": "Ann Example"}


def test_a_table_in_a_cell_of_another_one_stays_in_its_row(tmp_path: Path) -> None:
    def cell(words: str) -> str:
        return f"<w:tc>{words}<w:p/></w:tc>"

    inner = f"<w:tbl><w:tr>{cell('<w:p><w:t>in</w:t></w:p>')}</w:tr></w:tbl>"
    outer = f"<w:tbl><w:tr>{cell('<w:p><w:t>out</w:t></w:p>')}{cell(inner)}</w:tr></w:tbl>"
    body = f'<w:document xmlns:w="w"><w:body>{outer}</w:body></w:document>'
    assert only(write_zip(tmp_path / "a.docx", {"word/document.xml": body})).text == "out | in"


def test_a_book_is_read_in_the_order_of_its_spine_without_its_table_of_contents(tmp_path: Path) -> None:
    loaded = only(write_zip(tmp_path / "a.epub", EPUB))
    assert loaded.text == "The fox\n\nIt runs\u00a0fast.\n\nFood\n\n- hares\n\n- mice\ntoo"
    assert headings(loaded) == [(1, "The fox"), (2, "Food")]
    assert loaded.metadata == {"title": "Foxes", "language": "en"}


def test_a_pdf_gives_its_pages_and_the_headings_of_its_outline_that_its_text_has(tmp_path: Path) -> None:
    pages = ("Intro\nThe fox runs.", "1 Food\nIt eats.", "")
    (tmp_path / "a.pdf").write_bytes(pdf_of(*pages, outline={"Intro": 0, "Food": 1, "Absent": 1}))
    loaded = only(tmp_path / "a.pdf")
    assert [loaded.text[start:].partition("\n")[0] for start in loaded.pages[:2]] == ["Intro", "1 Food"]
    assert len(loaded.pages) == 3
    assert headings(loaded) == [(1, "Intro"), (1, "Food")]


def test_a_page_of_html_gives_its_article_and_headings_without_the_menu(tmp_path: Path) -> None:
    pytest.importorskip("trafilatura", exc_type=ImportError)
    (tmp_path / "a.html").write_text(
        "<html><head><title>Foxes</title></head><body><nav><a href=x>Home</a></nav>"
        f"<article><h1>The fox</h1>{STORY}<h2>Food</h2>{STORY}</article><script>evil()</script></body></html>"
    )
    loaded = only(tmp_path / "a.html")
    assert headings(loaded) == [(1, "The fox"), (2, "Food")]
    assert "Home" not in loaded.text and "evil" not in loaded.text and loaded.text.count("nobody hears it.") == 8
    assert loaded.metadata["title"] == "The fox"


@pytest.mark.parametrize(("suffix", "package"), [(".pdf", "pypdfium2"), (".html", "trafilatura")])
def test_a_package_that_is_not_there_is_named_with_the_way_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, package: str
) -> None:
    def import_module(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(extra.importlib, "import_module", import_module)
    (tmp_path / f"a{suffix}").write_bytes(b"%PDF")
    assert f'needs {package}, which is not installed: pip install "handspun[retrieve]"' in reason_of(tmp_path / f"a{suffix}")


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({}, "it has no word/document.xml"),
        ({"word/document.xml": ENTITIES}, 'it declares an entity of its own, "a"'),
        ({"word/document.xml": EXTERNAL}, 'it declares an entity of its own, "a"'),
        ({"word/document.xml": BODY[:300]}, "word/document.xml in it is no XML"),
        ({"word/document.xml": " " * (SMALL_BYTES + 1)}, "as only a bomb does"),
        (dict.fromkeys(map(str, range(MAX_PARTS + 1)), ""), "10,001 parts, more than 10,000"),
    ],
)
def test_a_hostile_zip_file_is_refused(tmp_path: Path, parts: dict[str, str], reason: str) -> None:
    assert reason in reason_of(write_zip(tmp_path / "a.docx", parts))


def test_a_zip_file_that_unpacks_to_too_much_in_all_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handspun.retrieve.loading.archive.MAX_UNPACKED_BYTES", 1000)
    assert "it unpacks to more than 0 MiB" in reason_of(write_zip(tmp_path / "a.docx", DOCX))


def test_a_zip_file_that_is_cut_short_or_encrypted_is_refused(tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "a.docx", DOCX).read_bytes()
    (tmp_path / "b.docx").write_bytes(whole[:-30])
    assert "damaged zip file" in reason_of(tmp_path / "b.docx")
    locked = bytearray(whole)
    for start in (place for place in range(len(whole)) if whole.startswith(b"PK\x01\x02", place)):
        locked[start + 8] |= 1
    (tmp_path / "c.docx").write_bytes(locked)
    assert "it is encrypted" in reason_of(tmp_path / "c.docx")


def test_a_book_that_its_publisher_has_locked_is_refused(tmp_path: Path) -> None:
    locks = '<encryption xmlns:e="e"><e:CipherReference URI="OPS/two.xhtml"/></encryption>'
    assert "(DRM)" in reason_of(write_zip(tmp_path / "a.epub", {**EPUB, "META-INF/encryption.xml": locks}))
    fonts = locks.replace("two.xhtml", "font.otf")
    assert only(write_zip(tmp_path / "b.epub", {**EPUB, "META-INF/encryption.xml": fonts})).text
    missing = {"META-INF/container.xml": CONTAINER, "OPS/package.opf": PACKAGE}
    assert "it has no OPS/pages/one .xhtml" in reason_of(write_zip(tmp_path / "c.epub", missing))


def test_a_pdf_that_is_broken_or_has_no_text_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_of("The fox")[:100])
    assert "it is no PDF that can be read" in reason_of(tmp_path / "a.pdf")
    (tmp_path / "b.pdf").write_bytes(pdf_of("", ""))
    assert "there is no text on its pages (2)" in reason_of(tmp_path / "b.pdf")


def test_suffixes_are_known_in_upper_case_too() -> None:
    assert suffix_of(Path("A.PDF")) == ".pdf" and suffix_of(Path("a.jsonl.ZST")) == ".jsonl.zst"
    assert suffix_of(Path("a.png")) is None and suffix_of(Path("pdf")) is None and ".md" in SUFFIXES


@pytest.fixture(scope="module")
def data() -> Path:
    if "HANDSPUN_DATA" not in os.environ:
        pytest.skip("HANDSPUN_DATA names no folder")
    return Path(os.environ["HANDSPUN_DATA"])


def test_every_pdf_and_book_of_the_wild_is_read_or_refused_for_its_reason(data: Path) -> None:
    reasons = {}
    for path in sorted([*(data / "pdf").glob("*.pdf"), *(data / "epub").glob("*.epub")]):
        try:
            for loaded in load(path):
                headings(loaded)
                assert list(loaded.pages) == sorted(loaded.pages)
        except CorpusError as error:
            reasons[path.name] = str(error)
    assert "it is encrypted" in reasons.pop("sample_libreoffice-writer-password.pdf")
    assert len(reasons) == 5 and all("there is no text on its pages" in reason for reason in reasons.values())


@pytest.mark.parametrize(
    ("markup", "text", "titles"),
    [
        ("<h1><div>The <b>fox</b></div></h1><p>It\n runs.</p>", "The fox\n\nIt runs.", ["The fox"]),
        ("<h2></h2><p>It runs.<h3>Food<p>Hares.", "It runs.\n\nFood\n\nHares.", ["Food"]),
        ("<table><tr><th>a</th><td><p>b</p><p>c</p></td></tr><tr><td>d</td></tr></table>", "a | b\nc\n\nd", []),
        ("<ul><li>one<li>two <br/> three</ul>", "- one\n\n- two\nthree", []),
        ("<pre>x = 1\n  y = 2</pre>a  b", "x = 1\n  y = 2\n\na b", []),
        ("<script>evil()</script><p>x&lt;y &#x1F98A;<style>p {}</style>", "x<y 🦊", []),
        ("<select><option>no</select><title/>yes", "yes", []),
    ],
)
def test_markup_gives_its_words_block_by_block(markup: str, text: str, titles: list[str]) -> None:
    draft = Draft()
    read_markup(markup, draft)
    loaded = draft.finish({})
    assert loaded.text == text and [heading.title for heading in loaded.headings] == titles
