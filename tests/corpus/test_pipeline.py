import json
from pathlib import Path

import pytest

from handspun.corpus.config import CorpusConfig
from handspun.corpus.document import Document
from handspun.corpus.pipeline import curate, read_conversations, read_documents, read_questions, read_report
from handspun.errors import CorpusError
from handspun.files import verify_folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two hundred different documents, a repeated one and an empty one."""
    path = tmp_path / "texts.jsonl"
    lines = [sentence(number) for number in range(200)]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in [*lines, f"  {lines[0]}\n", " \n"]))
    return path


def sentence(number: int) -> str:
    return f"In chapter {number} the hero of tale {number} met exactly {number * 7} cats and {number * 3} dogs."


def curated(folder: Path, *sources: Path, **settings: object) -> tuple[list[Document], list[Document]]:
    curate(CorpusConfig(sources=tuple(map(str, sources)), **settings), folder)  # type: ignore[arg-type]
    verify_folder(folder)
    return list(read_documents(folder / "train.jsonl")), list(read_documents(folder / "val.jsonl"))


def test_documents_are_cleaned_split_and_accounted_for(source: Path, tmp_path: Path) -> None:
    train, val = curated(tmp_path / "corpus", source, val_share=0.2)
    report = read_report(tmp_path / "corpus" / "report.json")
    assert len(train) + len(val) == 200
    assert 20 < len(val) < 60
    assert report.sources[0].dropped == {"duplicate": 1, "empty": 1}
    assert (report.n_train, report.n_val) == (len(train), len(val))
    assert report.sources[0].val_bytes == sum(len(document.text.encode()) for document in val)
    assert not (tmp_path / "corpus" / "bad_lines.jsonl").exists()
    assert list((tmp_path / "corpus").glob(".*")) == []


def test_adding_a_source_moves_no_document_to_the_other_side(source: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.txt"
    more.write_text("Something else entirely, said at some length so that it counts.")
    train, val = curated(tmp_path / "one", source, val_share=0.2)
    more_train, more_val = curated(tmp_path / "two", more, source, val_share=0.2)
    assert {document.id for document in val} <= {document.id for document in more_val}
    assert {document.id for document in train} <= {document.id for document in more_train}


def test_documents_of_one_group_are_on_one_side(tmp_path: Path) -> None:
    path = tmp_path / "grouped.jsonl"
    path.write_text("".join(json.dumps({"text": sentence(n), "group": f"g{n % 40}"}) + "\n" for n in range(200)))
    train, val = curated(tmp_path / "corpus", path, val_share=0.2)
    assert val
    assert {document.metadata["group"] for document in train}.isdisjoint(document.metadata["group"] for document in val)


def test_a_near_copy_of_a_held_out_document_is_not_trained_on(source: Path, tmp_path: Path) -> None:
    _, val = curated(tmp_path / "one", source, val_share=0.2)
    copies = tmp_path / "copies.jsonl"
    copies.write_text("".join(json.dumps({"text": f"{document.text} Indeed."}) + "\n" for document in val))
    train, _ = curated(tmp_path / "two", source, copies, val_share=0.2)
    dropped = read_report(tmp_path / "two" / "report.json").sources[1].dropped
    assert dropped["near-duplicate of held-out"] > len(val) // 2
    assert not [document for document in train if document.text.endswith("Indeed.")]


def test_copies_stay_where_they_are_wanted(source: Path, tmp_path: Path) -> None:
    train, val = curated(tmp_path / "corpus", source, val_share=0.2, dedup=False)
    assert len(train) + len(val) == 201


def test_curating_twice_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        curated(tmp_path / name, source, val_share=0.2, conversations=("manners",))
    for name in ("train.jsonl", "val.jsonl", "train_conversations.jsonl", "questions.jsonl"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_few_bad_lines_are_put_aside_and_counted(source: Path, tmp_path: Path) -> None:
    with source.open("a") as file:
        file.write("not json\n")
    curated(tmp_path / "corpus", source, val_share=0.2)
    bad = [json.loads(line) for line in (tmp_path / "corpus" / "bad_lines.jsonl").read_text().splitlines()]
    assert [(entry["path"], entry["line"]) for entry in bad] == [(str(source), 203)]
    assert read_report(tmp_path / "corpus" / "report.json").sources[0].dropped["bad"] == 1


def test_too_many_bad_lines_stop_the_run_and_leave_the_old_corpus_whole(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    before = curated(folder, source, val_share=0.2)
    with source.open("a") as file:
        file.write("not json\n" * 50)
    with pytest.raises(CorpusError, match=r"50 of 252 records .* corpus\.max_bad_share=0\.01 .*:203: .*bad_lines\.jsonl"):
        curated(folder, source, val_share=0.2)
    verify_folder(folder)
    assert before == (list(read_documents(folder / "train.jsonl")), list(read_documents(folder / "val.jsonl")))
    assert len((tmp_path / "corpus.partial" / "bad_lines.jsonl").read_text().splitlines()) == 50
    curated(folder, source, val_share=0.2, max_bad_share=0.5)
    assert not (tmp_path / "corpus.partial").exists()


def test_an_empty_corpus_is_refused(tmp_path: Path) -> None:
    (tmp_path / "blank.txt").write_text(" \n\n ")
    with pytest.raises(CorpusError, match="no text to train on"):
        curated(tmp_path / "corpus", tmp_path / "blank.txt")


def test_a_held_out_side_without_documents_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("One short document.")
    with pytest.raises(CorpusError, match=r"corpus\.val_share=0\.02 held out not one document"):
        curated(tmp_path / "corpus", tmp_path / "one.txt")
    train, val = curated(tmp_path / "corpus", tmp_path / "one.txt", val_share=0.0)
    assert (len(train), val) == (1, [])


def test_conversations_take_the_form_of_the_text(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    curated(folder, source, val_share=0.2, normalize="uncased", conversations=("manners",))
    contents = [
        message.content for talk in read_conversations(folder / "train_conversations.jsonl") for message in talk.messages
    ]
    assert "i do not know." in contents
    assert all(content == content.lower() for content in contents)
    assert list(read_questions(folder / "questions.jsonl")) == []


def test_progress_ends_at_its_total(source: Path, tmp_path: Path) -> None:
    reported: list[tuple[int, int | None]] = []
    config = CorpusConfig(sources=(str(source),), val_share=0.2)
    curate(config, tmp_path / "corpus", lambda done, total: reported.append((done, total)))
    assert reported == sorted(reported, key=lambda pair: pair[0])
    assert reported[-1] == (2 * source.stat().st_size, 2 * source.stat().st_size)


def test_the_python_corpus_is_split_by_group(python_corpus: Path) -> None:
    verify_folder(python_corpus)
    train = {document.metadata["group"] for document in read_documents(python_corpus / "train.jsonl")}
    val = {document.metadata["group"] for document in read_documents(python_corpus / "val.jsonl")}
    assert train.isdisjoint(val)
    report = read_report(python_corpus / "report.json")
    assert 0.09 < report.n_val / (report.n_train + report.n_val) < 0.16
    assert 15_000 < report.n_conversations < 40_000
