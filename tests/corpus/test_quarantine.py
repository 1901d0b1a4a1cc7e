import io
import json
from pathlib import Path

from handspun.corpus.quarantine import Quarantine


def test_bad_records_are_written_counted_and_the_first_is_remembered() -> None:
    file = io.BytesIO()
    quarantine = Quarantine(file)
    assert quarantine.bad_share == 0
    quarantine.n_good = 6
    quarantine.add("a", Path("a/x.txt"), 3, "not UTF-8")
    quarantine.add("b", Path("b/y\udc80.txt"), 0, "a link that leaves its folder")
    assert quarantine.bad_share == 0.25
    assert quarantine.bad_by_source == {"a": 1, "b": 1}
    assert quarantine.first == "a/x.txt:3: not UTF-8"
    assert json.loads(file.getvalue().splitlines()[0]) == {"path": "a/x.txt", "line": 3, "reason": "not UTF-8"}
