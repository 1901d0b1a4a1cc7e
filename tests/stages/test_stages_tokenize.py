"""The vocabulary of a recipe is learnt, or taken from GPT-2's published files."""

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
from test_stages_pipeline import Listener

from handspun.errors import TokenizerError
from handspun.recipe import load_recipe
from handspun.runs import Run
from handspun.stages.pipeline import run_stages
from handspun.stages.stage import Workshop
from handspun.stages.tokenize import held_out_shards, tokenizer_folder
from handspun.tokens.shards import ShardSet
from handspun.tokens.tokenizer import Tokenizer

PARTS = ("walls", "ropes", "gates", "stones", "owls", "lamps")


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


def test_related_documents_are_laid_side_by_side(tiny_recipe: Path, tmp_path: Path) -> None:
    texts = [f"One {thing} and {thing}s with {part}." for part in PARTS for thing in ("windmill", "harbor", "orchard")]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    told = []
    for share in (0, 1):
        run = Run(tmp_path / f"run{share}")
        sources = f'corpus.sources=["{tmp_path / "texts.jsonl"}"]'
        tokenizer = tokenized(tiny_recipe, run, sources, f"tokens.related_share={share}")
        shards = ShardSet(run.tokens / "train")
        told.append([tokenizer.decode(shards.document(n)[1:].tolist()) for n in range(len(shards))])
    assert sorted(told[0]) == sorted(told[1])
    things = [[text.split()[1] for text in each] for each in told]
    changes = [sum(one != other for one, other in pairwise(each)) for each in things]
    assert changes[1] == 2 < changes[0]


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
