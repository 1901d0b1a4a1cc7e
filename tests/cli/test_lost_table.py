"""An index whose table in LanceDB is lost says how to write it anew, and that mends it."""

import shutil
from pathlib import Path

import pytest

from handspun.cli.app import run

pytest.importorskip("lancedb", reason='lancedb is absent: pip install "handspun[lancedb]"')


@pytest.mark.parametrize("verb", ["search", "sync"])
def test_a_lost_part_is_a_sentence_with_a_remedy(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "fox.txt").write_text("The fox hunts at night.\n")
    name = str(tmp_path / "animals")
    assert run(["index", str(tmp_path / "docs"), "embedder=none", "store=lancedb", "--name", name]) == 0
    for data in (tmp_path / "animals" / "lancedb" / "lance").glob("*/data"):
        shutil.rmtree(data)
    (tmp_path / "docs" / "owl.txt").write_text("The owl hunts at night, too.\n")
    capsys.readouterr()
    assert run({"search": ["search", name, "fox"]}.get(verb, ["index", verb, name])) == 1
    said = capsys.readouterr().err
    assert said.count("\n") <= 4 and "--to lancedb` writes" in said
    assert run(["index", "migrate", name, "--to", "lancedb"]) == 0
    assert run(["search", name, "fox"]) == 0
    assert "The ⟦fox⟧ hunts at night." in capsys.readouterr().out
