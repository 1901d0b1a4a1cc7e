"""Text of the hub is read as a stream, kept in pieces, and gone on with where it broke off."""

import io
import json
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from hub_mirror import CLIMBMIX, FINEWEB, text_of, write_climbmix, write_fineweb

from handspun.corpus import hub
from handspun.corpus.config import CorpusConfig
from handspun.corpus.hub import HubSource
from handspun.corpus.hub_stream import HubStream
from handspun.corpus.pipeline import curate, read_documents, read_report
from handspun.corpus.quarantine import Quarantine
from handspun.errors import CorpusError, DamagedFileError

EVERYTHING = 10**9
FETCH = f"""
from pathlib import Path
from handspun.corpus.hub import HubSource
HubSource({FINEWEB!r}, Path("kept"), 3000).fetch(print)
"""


@pytest.fixture(autouse=True)
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in which the data sets lie, and no network is asked."""
    monkeypatch.chdir(tmp_path)
    write_fineweb(tmp_path)
    write_climbmix(tmp_path)
    return tmp_path


def texts(source: HubSource) -> list[str]:
    """The text of every document of a source."""
    return [document.text for document in source.documents(Quarantine(io.BytesIO()), lambda _: None)]


def everything_kept(folder: Path) -> dict[str, bytes]:
    """The content of each file below a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_rows_of_a_configuration_come_in_their_order_under_their_own_names(mirror: Path) -> None:
    source = HubSource(FINEWEB, mirror / "kept", EVERYTHING)
    documents = list(source.documents(Quarantine(io.BytesIO()), lambda _: None))
    assert [document.text for document in documents] == [text_of(number) for number in range(40, 160)]
    assert (documents[0].id, documents[0].source) == ("<urn:uuid:40>", FINEWEB)


def test_a_data_set_of_text_alone_is_numbered(mirror: Path) -> None:
    documents = list(HubSource(CLIMBMIX, mirror / "kept", EVERYTHING).documents(Quarantine(io.BytesIO()), lambda _: None))
    assert [document.text for document in documents] == [text_of(number) for number in range(30)]
    assert documents[0].id == "piece-00000.jsonl.zst:1"


def test_no_more_is_read_than_was_asked_for_and_more_is_added_later(mirror: Path) -> None:
    little, more = (HubSource(FINEWEB, mirror / "kept", limit) for limit in (1000, 5000))
    little.fetch(lambda _: None)
    assert 1000 <= little.stored().text_bytes < 1000 + 200
    first = texts(little)
    assert 1000 <= sum(map(len, first)) < 1000 + 200
    assert texts(more)[: len(first)] == first
    assert 5000 <= more.stored().text_bytes < 5000 + 200
    assert texts(little) == first, "what is kept beyond the limit is not read"


def test_what_is_kept_is_not_read_again(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = HubSource(FINEWEB, mirror / "kept", 3000)
    once = texts(source)
    monkeypatch.setattr(hub, "HubStream", None)
    assert texts(source) == once


def test_progress_counts_the_text(mirror: Path) -> None:
    source, told = HubSource(FINEWEB, mirror / "kept", 3000), []
    assert source.n_missing == 3000
    source.fetch(told.append)
    assert sum(told) == source.stored().text_bytes >= 3000
    assert source.n_missing == 0


def test_the_end_of_a_data_set_is_known(mirror: Path) -> None:
    source = HubSource(CLIMBMIX, mirror / "kept", EVERYTHING)
    source.fetch(lambda _: None)
    assert source.stored().is_whole
    assert source.n_bytes == source.stored().text_bytes == sum(len(text_of(number)) for number in range(30))


@pytest.mark.parametrize("n_rows", [1, 25, 40, 41, 119])
def test_a_stream_that_breaks_off_goes_on_from_the_last_piece(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, n_rows: int
) -> None:
    monkeypatch.setattr(hub, "PIECE_BYTES", 1000)
    unbroken, broken = (HubSource(FINEWEB, mirror / name, EVERYTHING) for name in ("unbroken", "broken"))
    expected = texts(unbroken)
    with monkeypatch.context() as patched:
        patched.setattr(HubStream, "_record", breaking_after(n_rows, HubStream._record))
        with pytest.raises(
            CorpusError, match=r"cannot be read \(connection reset by peer\): see to the network and run the same"
        ):
            broken.fetch(lambda _: None)
    assert sum(piece.n_rows for piece in broken.stored().pieces) <= n_rows
    assert not list(broken.folder.glob(".*.tmp"))
    assert texts(broken) == expected
    assert broken.stored().pieces == unbroken.stored().pieces, "names and checksums"


SLOWLY = f"""
import time
from pathlib import Path
from handspun.corpus import hub
from handspun.corpus.hub_stream import HubStream
record = HubStream._record
HubStream._record = lambda stream, row: time.sleep(0.01) or record(stream, row)
hub.PIECE_BYTES = 1000
hub.HubSource({FINEWEB!r}, Path("killed"), {EVERYTHING}).fetch(lambda _: None)
"""


def test_a_fetch_that_is_killed_goes_on_from_the_last_piece(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PIECE_BYTES", 1000)
    killed, unbroken = (HubSource(FINEWEB, mirror / name, EVERYTHING) for name in ("killed", "unbroken"))
    process = subprocess.Popen([sys.executable, "-c", SLOWLY])
    while len(killed.stored().pieces) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not killed.stored().is_whole
    assert texts(killed) == texts(unbroken)
    assert killed.stored().pieces == unbroken.stored().pieces
    assert not list(killed.folder.glob(".*.tmp"))


def breaking_after(n_rows: int, record: Any) -> Any:
    """A method that reads so many rows and then meets what a lost connection raises."""
    left = iter(range(n_rows))

    def broken(stream: HubStream, row: Any) -> Any:
        if next(left, None) is None:
            raise ConnectionResetError("connection reset by peer")
        return record(stream, row)

    return broken


def test_a_data_set_that_has_changed_is_not_mixed_with_what_is_kept(mirror: Path) -> None:
    HubSource(FINEWEB, mirror / "kept", 1000).fetch(lambda _: None)
    write_fineweb(mirror, n_files=4)
    with pytest.raises(CorpusError, match=r"has changed on the hub since the 1,\d\d\d bytes .* were read: delete that folder"):
        HubSource(FINEWEB, mirror / "kept", 3000).fetch(lambda _: None)


def test_a_damaged_piece_is_named(mirror: Path) -> None:
    source = HubSource(FINEWEB, mirror / "kept", 3000)
    source.fetch(lambda _: None)
    piece = source.folder / "piece-00000.jsonl.zst"
    content = bytearray(piece.read_bytes())
    content[len(content) // 2] ^= 1
    piece.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"piece-00000\.jsonl\.zst is damaged"):
        texts(source)


def test_a_row_without_text_is_set_aside(mirror: Path) -> None:
    path = mirror / "some/body/a.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("one", None, "two")))
    quarantine = Quarantine(io.BytesIO())
    documents = list(HubSource("hub:some/body", mirror / "kept", EVERYTHING).documents(quarantine, lambda _: None))
    assert [document.text for document in documents] == ["one", "two"]
    assert (quarantine.n_bad, quarantine.bad_by_source) == (1, {"hub:some/body": 1})


def test_two_runs_do_not_write_into_one_folder(mirror: Path) -> None:
    source = HubSource(FINEWEB, mirror / "kept", 3000)
    with source._locked():
        done = subprocess.run([sys.executable, "-c", FETCH], capture_output=True, text=True, check=False)
    assert "another process reads hub:HuggingFaceFW/fineweb-edu/sample-10BT" in done.stderr


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (f"{FINEWEB}?text=content", r'has no column "content", its columns are text, id, .*: add \?text=COLUMN to its name\.$'),
        (
            "hub:HuggingFaceFW/fineweb-edu/sample-10Bt",
            r"not found. Available: \['default', 'sample-10BT'\]\): correct its name",
        ),
        (f"{FINEWEB}?split=test", r"Bad split: test. Available splits: \['train'\]\): correct its name in corpus.sources\.$"),
        ("hub:nvidia/Nemotron-ClimbMix?text=tokens", "holds lists .*, tokens perhaps, and no text: name a data set of text"),
        ("hub:nvidia/Nemotron-ClimbMix", r'has no column "text", its columns are tokens, token_count, cluster_id'),
    ],
)
def test_a_name_that_leads_to_no_text_is_answered_in_one_sentence(mirror: Path, name: str, sentence: str) -> None:
    with pytest.raises(CorpusError, match=sentence):
        HubSource(name, mirror / "kept", EVERYTHING).fetch(lambda _: None)


def test_without_a_network_one_sentence_says_so(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CorpusError, match=r"cannot be read .*: see to the network and run the same command again") as refused:
        HubSource("hub:some/body", mirror / "kept", EVERYTHING).fetch(lambda _: None)
    assert "\n" not in str(refused.value)


def test_formats_that_hold_more_than_plain_data_are_not_opened(mirror: Path) -> None:
    folder = mirror / "some/body"
    folder.mkdir(parents=True)
    with tarfile.open(folder / "a.tar", "w") as archive:
        archive.add(mirror / "HuggingFaceFW/fineweb-edu/README.md", arcname="a.pkl")
    with pytest.raises(CorpusError, match="holds webdataset files; only parquet, json, csv, text, arrow are read"):
        HubSource("hub:some/body", mirror / "kept", EVERYTHING).fetch(lambda _: None)
    (folder / "a.tar").unlink()
    with pytest.raises(CorpusError, match=r"contain any data files\): correct its name in corpus\.sources"):
        HubSource("hub:some/body", mirror / "kept", EVERYTHING).fetch(lambda _: None)


def test_a_missing_library_is_named_with_its_extra(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        CorpusError, match=r'reading hub:.* needs datasets, which is not installed: pip install "handspun\[hub\]"\.'
    ):
        HubSource(FINEWEB, mirror / "kept", EVERYTHING).fetch(lambda _: None)


def test_a_corpus_of_the_hub_and_of_files_is_curated_like_any_other(mirror: Path) -> None:
    (mirror / "mine.jsonl").write_text(json.dumps({"text": text_of(45)}) + "\n" + json.dumps({"text": "My own words, once."}))
    config = CorpusConfig(sources=(FINEWEB, "mine.jsonl"), max_bytes=20_000, hub_folder="kept", val_share=0.1)
    curate(config, mirror / "corpus")
    report = read_report(mirror / "corpus" / "report.json")
    assert [tally.source for tally in report.sources] == [FINEWEB, "mine.jsonl"]
    assert report.sources[1].dropped == {"duplicate": 1}
    assert 20 < report.sources[0].n_train + report.sources[0].n_val <= 120
    assert {document.source for document in read_documents(mirror / "corpus" / "train.jsonl")} <= {FINEWEB, "mine.jsonl"}


def test_a_corpus_that_cannot_be_fetched_leaves_the_old_one_alone(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = CorpusConfig(sources=(FINEWEB,), max_bytes=5000, hub_folder="kept", val_share=0.2)
    curate(config, mirror / "corpus")
    before = everything_kept(mirror / "corpus")
    monkeypatch.setattr(HubStream, "_record", breaking_after(3, HubStream._record))
    with pytest.raises(CorpusError, match="connection reset"):
        curate(CorpusConfig(sources=(FINEWEB,), max_bytes=9000, hub_folder="kept", val_share=0.2), mirror / "corpus")
    assert everything_kept(mirror / "corpus") == before
