"""The name of a data set says what is read, and no name leads out of its folder."""

from pathlib import Path

import pytest

from handspun.corpus.config import CorpusConfig
from handspun.corpus.hub_name import HubName, is_hub_name


def test_a_name_has_a_repository_and_may_have_a_configuration_a_split_a_column_and_a_revision() -> None:
    assert HubName.parse("hub:a/b") == HubName(repository="a/b")
    assert HubName.parse("hub:HuggingFaceFW/fineweb-edu/sample-10BT") == HubName(
        repository="HuggingFaceFW/fineweb-edu", config="sample-10BT", split="train", text="text"
    )
    assert HubName.parse("hub:a/b/c.d?split=test&text=content&revision=v1") == HubName(
        repository="a/b", config="c.d", split="test", text="content", revision="v1"
    )


def test_only_what_begins_with_hub_lies_on_the_hub() -> None:
    assert is_hub_name("hub:a/b")
    assert not is_hub_name("a/b") and not is_hub_name("~/hub:a/b")


def test_whatever_decides_the_text_has_a_folder_of_its_own() -> None:
    names = ["hub:a/b", "hub:a/b/c", "hub:a/b?split=test", "hub:a/b?text=content", "hub:a/b?revision=v1"]
    assert len({HubName.parse(name).folder for name in names}) == len(names)
    assert HubName.parse("hub:a/b/c").folder == Path("a/b/c/train/text")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("hub:", "names no data set of the hub; write hub:OWNER/NAME"),
        ("hub:fineweb", "names no data set"),
        ("hub:a/b/c/d", "names no data set"),
        ("hub:a/../b", "names no data set"),
        ("hub:../b", "names no data set"),
        ("hub:/etc/passwd", "names no data set"),
        ("hub:a/b?txt=content", "asks for txt, which a data set has not; did you mean text="),
        ("hub:a/b?text=", 'has no text ""'),
        ("hub:a/b?revision=../..", 'has no revision "../.."'),
        ("hub:a/b?split=test&", "asks for nothing"),
    ],
)
def test_another_name_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="hub:") as refused:
        HubName.parse(name)
    assert complaint in str(refused.value)
    with pytest.raises(ValueError, match=r"^sources: "):
        CorpusConfig(sources=(name,), max_bytes=10)


def test_a_source_on_the_hub_needs_a_limit() -> None:
    with pytest.raises(ValueError, match="max_bytes is missing: say how much to read of"):
        CorpusConfig(sources=("hub:a/b",))
    assert CorpusConfig(sources=("hub:a/b",), max_bytes=10).byte_limit("hub:a/b") == 10


def test_the_limit_is_divided_by_weight_or_equally() -> None:
    sources = ("hub:a/b", "~/notes")
    assert [CorpusConfig(sources=sources, max_bytes=100).byte_limit(source) for source in sources] == [50, 50]
    weighted = CorpusConfig(sources=sources, max_bytes=100, weights=(3, 1))
    assert [weighted.byte_limit(source) for source in sources] == [75, 25]
    assert CorpusConfig(sources=("~/notes",)).byte_limit("~/notes") is None
