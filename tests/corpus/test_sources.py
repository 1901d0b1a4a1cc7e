import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.corpus import extra, sources
from handspun.corpus.document import Document
from handspun.corpus.quarantine import Quarantine
from handspun.corpus.sources import LocalSource
from handspun.errors import CorpusError


def read(path: Path) -> tuple[list[Document], list[dict]]:
    file = io.BytesIO()
    documents = list(LocalSource(str(path)).documents(Quarantine(file), lambda _: None))
    return documents, [json.loads(line) for line in file.getvalue().splitlines()]


def test_a_folder_is_read_in_the_order_of_its_file_names(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\0\n")
    (tmp_path / "a.md").write_text("# Title")
    (tmp_path / "sub" / "c.jsonl").write_text('{"text": "\\ufeffthree", "id": "x", "y": 9}\n{"text": "four", "path": "p/q"}\n')
    (tmp_path / "sub" / "d.jsonl.zst").write_bytes(zstandard.compress(b'{"text": "five"}\n'))
    pq.write_table(pa.table({"text": ["six"], "size": [3]}), tmp_path / "sub" / "e.parquet")
    (tmp_path / "ignored.pdf").write_bytes(b"%PDF")
    (tmp_path / ".hidden.txt").write_text("hidden")
    documents, bad = read(tmp_path)
    assert [(document.id, document.text) for document in documents] == [
        ("a.md:1", "# Title"),
        ("b.txt:1", "one\ntwo"),
        ("x", "three"),
        ("p/q", "four"),
        ("sub/d.jsonl.zst:1", "five"),
        ("sub/e.parquet:1", "six"),
    ]
    assert documents[2].metadata == {"y": 9}
    assert {document.source for document in documents} == {str(tmp_path)}
    assert bad == []


def test_what_cannot_be_read_is_quarantined_with_its_line_and_reason(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"fine\nfine\nnot \xff fine\n")
    (tmp_path / "b.jsonl").write_bytes(b'{"text": "good"}\nnonsense\n{"words": "none"}\n{"text": 5}\n[1]\n')
    (tmp_path / "c.parquet").write_bytes(b"PAR1 not really")
    pq.write_table(pa.table({"words": ["none"]}), tmp_path / "d.parquet")
    pq.write_table(pa.table({"text": ["good", None]}), tmp_path / "e.parquet")
    documents, bad = read(tmp_path)
    assert [document.text for document in documents] == ["good", "good"]
    places = [(Path(entry["path"]).name, entry["line"]) for entry in bad]
    assert places == [
        ("a.txt", 3),
        ("b.jsonl", 2),
        ("b.jsonl", 3),
        ("b.jsonl", 4),
        ("b.jsonl", 5),
        ("c.parquet", 0),
        ("d.parquet", 1),
        ("e.parquet", 2),
    ]
    assert bad[0]["reason"].startswith("not UTF-8; ")
    assert bad[2]["reason"] == 'no "text"'


def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "inside.txt").write_text("open")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "shortcut.txt").symlink_to(folder / "inside.txt")
    (folder / "dangling.txt").symlink_to(tmp_path / "absent.txt")
    documents, bad = read(folder)
    assert [document.text for document in documents] == ["open", "open"]
    assert [Path(entry["path"]).name for entry in bad] == ["dangling.txt", "link.txt"]


@pytest.mark.parametrize("name", ["absent", "empty", "image.png"])
def test_a_source_without_text_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "image.png").touch()
    with pytest.raises(CorpusError, match=rf"corpus\.sources names .*{name}.*:"):
        LocalSource(str(tmp_path / name))


def test_a_missing_package_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def import_module(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(extra.importlib, "import_module", import_module)
    (tmp_path / "a.jsonl.zst").touch()
    with pytest.raises(CorpusError, match=r'needs zstandard.*pip install "handspun\[data\]"'):
        read(tmp_path)


def test_a_long_text_file_is_cut_at_blank_lines(tmp_path: Path) -> None:
    paragraphs = [f"Paragraph {number}. " + "word " * 300 for number in range(100)]
    path = tmp_path / "novel.txt"
    path.write_text("\n\n".join(paragraphs))
    documents, _ = read(path)
    assert len(documents) > 5
    assert all(document.text.startswith("Paragraph") for document in documents)
    assert "\n\n".join(document.text for document in documents) == "\n\n".join(paragraphs)


@given(st.lists(st.sampled_from(["\n", "\n\n", "word", "line \n", "é" * 30]), max_size=60).map("".join), st.integers(1, 30))
@settings(max_examples=100)
def test_cutting_a_text_loses_no_word(text: str, n_read: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "PIECE_CHARS", 20)
        reader = io.StringIO(text)
        pieces = list(sources._pieces(lambda _: reader.read(n_read), lambda _: None))
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) <= 20 for piece in pieces)


@pytest.mark.parametrize("split_at", [0, 1, 2, 3])
def test_a_character_across_two_blocks_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split_at: int) -> None:
    monkeypatch.setattr(sources, "READ_BYTES", 4)
    (tmp_path / "a.txt").write_bytes(b"\n" * split_at + "é中😀".encode())
    assert read(tmp_path / "a.txt")[0][0].text == "é中😀"
    (tmp_path / "b.txt").write_bytes(b"\n" * split_at + "é中😀".encode()[:-1])
    assert read(tmp_path / "b.txt")[1][0]["line"] == split_at + 1


def test_a_relative_path_is_said_to_be_missing_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError, match=f'names "texts", which does not exist in {tmp_path}: '):
        LocalSource("texts")
    with pytest.raises(CorpusError, match=f'names "{tmp_path / "texts"}", which does not exist: '):
        LocalSource(str(tmp_path / "texts"))
