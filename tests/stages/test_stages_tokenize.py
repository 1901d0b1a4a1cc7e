"""The vocabulary of a recipe is learnt, or taken from GPT-2's published files."""

import os
from pathlib import Path

import pytest
from test_stages_mixture import Listener

from handspun.errors import TokenizerError
from handspun.recipe import load_recipe
from handspun.runs import Run
from handspun.stages.pipeline import run_stages
from handspun.stages.stage import Workshop
from handspun.stages.tokenize import held_out_shards, tokenizer_folder
from handspun.tokens.tokenizer import Tokenizer


def tokenized(recipe: Path, run: Run, *overrides: str) -> Tokenizer:
    """The vocabulary of a recipe, its texts encoded with it."""
    workshop = Workshop(load_recipe(str(recipe), overrides), run, Listener())
    for _ in run_stages(workshop, until="tokenize"):
        pass
    return Tokenizer.load(tokenizer_folder(run))


def test_a_folder_without_gpt2s_files_is_refused(tiny_recipe: Path, tmp_path: Path) -> None:
    overrides = (f"tokens.gpt2_folder={tmp_path}", "tokens.vocab_size=50263")
    with pytest.raises(TokenizerError, match=r"needs encoder\.json and vocab\.bpe"):
        tokenized(tiny_recipe, Run(tmp_path / "run"), *overrides)


@pytest.mark.data
def test_texts_are_encoded_with_gpt2s_own_vocabulary(tiny_recipe: Path, tmp_path: Path) -> None:
    if "HANDSPUN_DATA" not in os.environ:
        pytest.skip("HANDSPUN_DATA names no folder")
    run = Run(tmp_path / "run")
    folder = Path(os.environ["HANDSPUN_DATA"]) / "gpt2_bpe"
    tokenizer = tokenized(tiny_recipe, run, f"tokens.gpt2_folder={folder}", "tokens.vocab_size=50263")
    assert tokenizer.vocab_size == 50263
    assert tokenizer.encode("Hello world") == [15496, 995]
    shards = held_out_shards(run)
    assert shards.tokenizer_sha256 == tokenizer.sha256
    assert shards.document(0)[0] == 50256
