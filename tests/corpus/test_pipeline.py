import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from handspun.corpus.config import CorpusConfig
from handspun.corpus.document import Document
from handspun.corpus.exercises import Find
from handspun.corpus.pipeline import curate, read_conversations, read_documents, read_questions, read_report
from handspun.corpus.python_objects import folded
from handspun.corpus.split import is_held_out
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


def test_the_share_that_is_named_holds_a_document_out(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text(sentence(number))
    sources = [tmp_path / f"{number}.txt" for number in range(4)]
    with pytest.raises(CorpusError, match=r"holds out none of the 4 documents") as refusal:
        curated(tmp_path / "corpus", *sources, val_share=0.0001)
    found = re.search(r"corpus\.val_share=(0\.\d+) would, corpus\.val_share=0 measures on none\.$", str(refusal.value))
    assert found is not None
    assert len(curated(tmp_path / "corpus", *sources, val_share=float(found[1]))[1]) >= 1
    with pytest.raises(CorpusError, match="holds out none"):
        curated(tmp_path / "less", *sources, val_share=float(found[1]) - 0.01)


def test_where_all_text_has_gone_is_said(tmp_path: Path) -> None:
    mix = tmp_path / "mix"
    mix.mkdir()
    (mix / "A.TXT").write_text(" ")
    (mix / "b.html").write_text("<p>")
    (mix / "c.pdf").write_text("%PDF")
    with pytest.raises(
        CorpusError, match=r"they are empty; 2 files of .*mix are not read, being none of .*: b\.html, c\.pdf; name"
    ):
        curated(tmp_path / "corpus", mix)
    assert not (tmp_path / "corpus.partial").exists()
    held_out = [number for number in range(99) if is_held_out(folded(sentence(number)), 0.5)][:2]
    for number in held_out:
        (mix / f"{number}.txt").write_text(sentence(number))
    with pytest.raises(CorpusError, match=r"2 held out; 2 files .*; name more text, or lower corpus\.val_share=0\.5\.$"):
        curated(tmp_path / "corpus", mix, val_share=0.5)


def test_files_that_are_not_read_are_noted_beside_what_was_kept(tmp_path: Path) -> None:
    (tmp_path / "mix").mkdir()
    (tmp_path / "mix" / "A.TXT").write_text("Some text.")
    (tmp_path / "mix" / "b.html").write_text("<p>")
    report = curate(CorpusConfig(sources=(str(tmp_path / "mix"),), val_share=0), tmp_path / "corpus")
    assert report.summary == "1 documents to train on and 0 held out (0.0 MB); dropped: nothing"
    assert "1 files of" in report.notes[0] and report.notes[0].endswith(": b.html")


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        ("Süß".encode("latin-1"), "iconv -f latin1 -t utf-8"),
        ("Süß".encode("utf-16"), "iconv -f utf-16 -t utf-8"),
        (b"\x7fELF\0\xff\0", "it seems to be no text at all: leave it out"),
    ],
)
def test_what_is_not_utf_8_comes_with_advice_and_not_with_a_dead_end(tmp_path: Path, data: bytes, advice: str) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(CorpusError, match=advice) as refusal:
        curated(tmp_path / "corpus", tmp_path / "a.txt")
    assert "or raise" not in str(refusal.value)
    (tmp_path / "b.txt").write_text("Some text.")
    with pytest.raises(CorpusError, match=r"or raise corpus\.max_bad_share\.$"):
        curated(tmp_path / "corpus", tmp_path / "a.txt", tmp_path / "b.txt")


def test_a_held_out_side_without_documents_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("One short document.")
    with pytest.raises(CorpusError, match=r"corpus\.val_share=0\.02 holds out none of the 1 documents .*: name more text, or"):
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


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    """Forty subjects with a dozen facts each, and a line that is none."""
    path = tmp_path / "facts.jsonl"
    told = [
        {"subject": f"Land{land}", "field": f"field {field}", "value": f"{land * 100 + field} km"}
        for land in range(40)
        for field in range(12)
    ]
    path.write_text("".join(json.dumps(fact) + "\n" for fact in [*told, {"subject": "Land40"}]))
    return path


def test_a_held_out_subject_is_neither_asked_about_nor_shown_in_training(facts: Path, tmp_path: Path) -> None:
    name, folder = f"reader:{facts}", tmp_path / "corpus"
    report = curate(CorpusConfig(sources=(name,), conversations=(name,), val_share=0.25), folder)
    questions = list(read_questions(folder / "questions.jsonl"))
    held_out = {question.object for question in questions}
    assert 4 < len(held_out) < 20
    assert len(questions) == 12 * len(held_out)
    assert report.n_conversations == 12 * (40 - len(held_out))
    for file in ("train.jsonl", "train_conversations.jsonl"):
        words = set(re.findall(r"Land\d+", (folder / file).read_text()))
        assert words
        assert not words & held_out
    assert {document.metadata["group"] for document in read_documents(folder / "val.jsonl")} == held_out
    assert len((folder / "bad_lines.jsonl").read_text().splitlines()) == 1


def test_exercises_can_be_made_beside_other_text(facts: Path, source: Path, tmp_path: Path) -> None:
    train, _ = curated(tmp_path / "corpus", source, val_share=0.2, conversations=(f"reader:{facts}",))
    assert not any("Land" in document.text for document in train)
    assert len(list(read_conversations(tmp_path / "corpus" / "train_conversations.jsonl"))) > 300


def test_exercises_are_shown_what_a_search_finds(source: Path, tmp_path: Path) -> None:
    lines = [{"question": f"How many cats in tale {n}?", "answer": str(n * 7), "passage": sentence(n)} for n in range(100)]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    searched: list[int] = []

    def find_among(texts: Sequence[str]) -> Find:
        searched.append(len(texts))
        return lambda _, k: range(k)

    name, folder = f"reader:{tmp_path / 'questions.jsonl'}", tmp_path / "corpus"
    curate(CorpusConfig(sources=(str(source),), conversations=(name,), val_share=0.25), folder, None, find_among)
    exercises = list(read_conversations(folder / "train_conversations.jsonl"))
    assert searched == [len(exercises)]
    assert 0 < len({exercise.messages[0].content for exercise in exercises}) < len(exercises)
