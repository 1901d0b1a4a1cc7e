from pathlib import Path

import pytest

from handspun.corpus.report import CurationReport, SourceTally, read_report
from handspun.errors import DamagedFileError
from handspun.files import write_json


def test_a_report_is_read_back(tmp_path: Path) -> None:
    tally = SourceTally("python", n_train=5, n_val=1, train_bytes=50, val_bytes=9)
    tally.drop("duplicate")
    tally.drop("duplicate", 2)
    report = CurationReport((tally,), n_conversations=7, n_questions=3, notes=("mend it",), seconds=1.5)
    report.write(tmp_path / "report.json")
    assert read_report(tmp_path / "report.json") == report
    assert (report.n_train, report.n_val, tally.dropped) == (5, 1, {"duplicate": 3})


def test_a_file_that_is_no_report_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "report.json", {"sources": 5})
    with pytest.raises(DamagedFileError, match="not a curation report"):
        read_report(tmp_path / "report.json")
