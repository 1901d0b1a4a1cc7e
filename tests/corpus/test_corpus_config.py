from typing import Any

import pytest

from handspun.corpus.config import CorpusConfig


def test_the_default_corpus_is_the_python_installation() -> None:
    assert CorpusConfig().sources == ("python",)


@pytest.mark.parametrize(
    ("key", "value"), [("sources", ()), ("normalize", "latin"), ("val_share", 0.9), ("val_share", -0.1), ("max_bad_share", 2.0)]
)
def test_an_impossible_value_is_refused_by_its_key(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{key}="):
        CorpusConfig(**{key: value})
