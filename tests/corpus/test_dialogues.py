import io
import json
from pathlib import Path

import pytest

from handspun.corpus.dialogues import read_dialogues
from handspun.corpus.document import Message
from handspun.corpus.quarantine import Quarantine
from handspun.errors import CorpusError


def test_conversations_are_read_and_others_quarantined(tmp_path: Path) -> None:
    good = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    bad_role = {"messages": [{"role": "robot", "content": "Hi"}]}
    no_reply = {"messages": [{"role": "user", "content": "Hi"}]}
    path = tmp_path / "talk.jsonl"
    path.write_text(
        "\n".join([json.dumps(good), json.dumps(bad_role), json.dumps(no_reply), "{}", json.dumps({**good, "id": "x"})])
    )
    quarantine = Quarantine(io.BytesIO())
    found = list(read_dialogues(str(path), quarantine))
    assert [conversation.id for conversation in found] == ["talk.jsonl:1", "x"]
    assert found[0].messages == (Message("user", "Hi"), Message("assistant", "Hello"))
    assert (quarantine.n_good, quarantine.n_bad) == (2, 3)


@pytest.mark.parametrize("name", ["absent.jsonl", "pyhton", "."])
def test_a_name_that_is_no_file_is_refused(name: str) -> None:
    with pytest.raises(CorpusError, match=r"corpus\.conversations names"):
        list(read_dialogues(name, Quarantine(io.BytesIO())))
