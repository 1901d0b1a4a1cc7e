import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from documents import DOCX, write_zip

from handspun.retrieve.loading.limits import MIB
from handspun.retrieve.loading.reader import Reader


def test_one_worker_reads_all_files_and_says_why_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The fox.")
    (tmp_path / "b.jsonl").write_text('{"text": "One."}\nno\n{"text": "Two."}\n')
    (tmp_path / "blank.txt").write_text(" \n")
    with Reader() as reader:
        assert [text.text for text in reader.read(tmp_path / "a.txt")[0]] == ["The fox."]
        worker = reader._worker
        texts, reason = reader.read(tmp_path / "b.jsonl")
        assert [text.text for text in texts] == ["One.", "Two."] and reason.startswith(
            "1 of its lines could not be read; line 2"
        )
        assert reader.read(tmp_path / "blank.txt") == ([], "it holds no text")
        assert reader.read(tmp_path / "absent.txt") == ([], "no such file or directory")
        assert reader._worker is worker
        assert reader.read(write_zip(tmp_path / "c.docx", DOCX))[0][0].headings[1].title == "Food"


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_read(tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text("# Fox\n\nIt runs.\n\n" * 1_000_000)
    (tmp_path / "a.txt").write_text("The fox.")
    with Reader(max_cpu_s=0.2) as reader:
        assert reader.read(tmp_path / "long.md") == ([], "it takes more than 0.2 s of CPU time to read")
        assert reader.read(tmp_path / "a.txt")[1] == ""


def test_a_file_that_never_comes_is_given_up_and_the_next_one_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.txt")  # nobody ever writes to it
    (tmp_path / "a.txt").write_text("The fox.")
    with Reader(max_s=1) as reader:
        assert reader.read(tmp_path / "endless.txt")[1].startswith("it has not come after 1 s")
        assert reader.read(tmp_path / "a.txt")[1] == ""


def test_time_that_others_take_does_not_count(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slow.txt")
    with Reader(max_cpu_s=0.2) as reader, ThreadPoolExecutor(1) as thread:
        texts = thread.submit(reader.read, tmp_path / "slow.txt")
        with (tmp_path / "slow.txt").open("w") as file:  # which waits until it is being read
            time.sleep(0.5)
            file.write("The fox.")
        assert [text.text for text in texts.result()[0]] == ["The fox."]


def test_a_file_that_takes_too_much_memory_is_given_up_and_the_next_one_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The fox.")
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(200 * MIB)
    with Reader(max_memory_bytes=300 * MIB) as reader:
        assert reader.read(tmp_path / "large.txt") == ([], "it takes more than 300 MiB of memory to read")
        assert reader.read(tmp_path / "a.txt")[1] == ""


def test_a_file_larger_than_any_may_be_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(300 * MIB)
    with Reader() as reader:
        assert reader.read(tmp_path / "large.txt") == ([], "it has 300 MiB and may have 256: split it")


def test_a_worker_that_has_died_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "The fox."}))
    with Reader() as reader:
        reader.read(tmp_path / "a.jsonl")
        assert reader._worker is not None
        os.kill(reader._worker.pid, signal.SIGKILL)
        assert reader.read(tmp_path / "a.jsonl")[1] == ""


def test_a_module_that_lies_beside_the_documents_is_not_run(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "zipfile.py").write_text("raise SystemExit('run')")
    (tmp_path / "a.txt").write_text("The fox.")
    monkeypatch.chdir(tmp_path)
    with Reader() as reader:
        assert reader.read(Path("a.txt"))[1] == ""
