"""Sources with weights go their own way through the stages: a set of shards each, and their share of what is read."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from test_stages_pipeline import Listener

from handspun.corpus.config import CorpusConfig
from handspun.corpus.document import Document
from handspun.corpus.pipeline import read_report
from handspun.errors import CorpusError
from handspun.recipe import Recipe
from handspun.runs import Run
from handspun.settings import apply_overrides, build, read_toml, to_toml
from handspun.stages.batch import marked_rows
from handspun.stages.mixture import mixture_facts
from handspun.stages.pipeline import run_stages
from handspun.stages.stage import Outcome, Workshop
from handspun.stages.tokenize import documents_by_set, sampled_by_weight, text_shards


@pytest.fixture(scope="module")
def shouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second source, much smaller than the first."""
    path = tmp_path_factory.mktemp("shouts") / "shouts.jsonl"
    texts = [f"NUMBER {number}: NOBODY SAYS {number * number} SO LOUDLY AND SO OFTEN AS {number + 3}." for number in range(12)]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


@pytest.fixture(scope="module")
def mixed(tiny_recipe: Path, shouts: Path) -> Recipe:
    """The tiny recipe on both sources, three rows of its own text to one of shouts, without conversations."""
    tree = {key: value for key, value in read_toml(tiny_recipe).items() if key != "tune"}
    sources = [*tree["corpus"]["sources"], str(shouts)]
    overrides = [f"corpus.sources={json.dumps(sources)}", "corpus.weights=[3, 1]", "corpus.conversations=[]"]
    return build(Recipe, apply_overrides(tree, [*overrides, "train.chat_share=0.0", "train.sample_prompts=[]"]))


@pytest.fixture(scope="module")
def run(mixed: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The mixture trained."""
    run = Run(tmp_path_factory.mktemp("runs") / "mixed")
    run.claim(mixed.name, to_toml(mixed))
    made(mixed, run)
    return run


def made(recipe: Recipe, run: Run, until: str = "train") -> tuple[dict[str, Outcome], list[str]]:
    """What becomes of each stage, and what was said."""
    listener = Listener()
    outcomes = {outcome.stage: outcome for outcome in run_stages(Workshop(recipe, run, listener), until=until)}
    return outcomes, listener.said


def test_each_source_has_a_set_of_shards_of_its_own(mixed: Recipe, run: Run) -> None:
    plain, shouted = text_shards(run, mixed.corpus)
    assert plain.n_documents > shouted.n_documents > 0
    assert plain.n_documents + shouted.n_documents == read_report(run.corpus / "report.json").n_train
    assert not (run.tokens / "train").exists()


def test_training_draws_each_source_in_its_share(run: Run) -> None:
    rows = [row for step in range(12) for row in marked_rows(run, step, pretraining=True, n_rows=4)]
    n_loud = sum("LOUDLY" in "".join(text for text, _ in row) for row in rows)
    assert (len(rows), n_loud) == (48, 12)


def test_a_source_that_is_read_more_than_once_is_named_with_its_readings(mixed: Recipe, run: Run, shouts: Path) -> None:
    plain, shouted = run.stages()["train"]["facts"]["mixture"]
    assert (plain["share"], shouted["share"]) == (0.75, 0.25)
    assert plain["tokens"] == 3 * shouted["tokens"] == 2304
    assert shouted["readings"] == pytest.approx(768 / text_shards(run, mixed.corpus)[1].n_tokens, abs=0.01)
    assert shouted["readings"] > 1 > plain["readings"]
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Listener, "say", lambda _, text: said.append(text))
        mixture_facts(Workshop(mixed, run, Listener()))
    assert len(said) == 1 and said[0].startswith(
        f"{shouts} is read {shouted['readings']:.1f} times: 768 tokens are drawn of its"
    )


def test_a_mixture_that_was_broken_off_ends_with_the_same_weights(mixed: Recipe, run: Run, tmp_path: Path) -> None:
    copy = Run(Path(shutil.copytree(run.path, tmp_path / "mixed")))
    last = copy.checkpoints / "00000012"
    weights = (last / "model.safetensors").read_bytes()
    shutil.rmtree(last)
    outcomes, said = made(mixed, copy)
    assert not outcomes["train"].was_fresh and "going on after step 8 of 12" in said
    assert (last / "model.safetensors").read_bytes() == weights


def test_other_weights_train_anew_on_the_same_tokens(mixed: Recipe, run: Run, tmp_path: Path) -> None:
    copy = Run(Path(shutil.copytree(run.path, tmp_path / "mixed")))
    outcomes, _ = made(mixed, copy)
    assert all(outcome.was_fresh for outcome in outcomes.values())
    weights = replace(mixed, corpus=replace(mixed.corpus, weights=(1.0, 1.0)))
    outcomes, _ = made(weights, copy)
    assert [name for name, outcome in outcomes.items() if not outcome.was_fresh] == ["train"]
    without = replace(mixed, corpus=replace(mixed.corpus, weights=()))
    outcomes, _ = made(without, copy, until="tokenize")
    assert [name for name, outcome in outcomes.items() if not outcome.was_fresh] == ["tokenize"]
    assert (copy.tokens / "train").is_dir() and not (copy.tokens / "train-0").exists()


def test_a_source_of_which_nothing_is_left_is_named() -> None:
    corpus = CorpusConfig(sources=("a.txt", "b.txt"), weights=(1, 1))
    with pytest.raises(CorpusError, match=r'no text of "b\.txt" is left to train on: leave it out'):
        for _, documents in documents_by_set([Document("one", "1", "a.txt"), Document("two", "2", "a.txt")], corpus):
            list(documents)


def test_a_vocabulary_is_learnt_from_each_source_in_its_share() -> None:
    corpus = CorpusConfig(sources=("a.txt", "b.txt"), weights=(3, 1))
    documents = [Document("x" * 10, str(n), source) for source in corpus.sources for n in range(100)]
    texts = list(sampled_by_weight(documents, corpus, limit_bytes=400))
    assert len(texts) == 40
    few = list(sampled_by_weight(documents[95:], corpus, limit_bytes=400))
    assert len(few) == 5 + 10
