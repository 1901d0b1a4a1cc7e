"""A plan puts it all together: tokens, FLOPs, disk, and a remedy only where one is needed."""

from dataclasses import replace

import pytest
from small import cards, footprint, processor, training

from handspun.planner.plan import make_plan
from handspun.recipe import Recipe, load_recipe, shipped_recipes
from handspun.tokens.config import TokensConfig

RECIPE = Recipe(name="mine", model=footprint().model, train=training())


def test_disk_is_every_checkpoint_that_stays_and_the_text() -> None:
    plan = make_plan(RECIPE, processor())
    n_params = plan.footprint.n_params
    assert plan.checkpoint_bytes == 3 * 4 * n_params
    assert plan.n_checkpoints == 2 + 1
    assert plan.text.available is not None
    assert plan.disk_bytes == 3 * plan.checkpoint_bytes + 2 * plan.text.available


def test_checkpoints_that_are_kept_for_good_are_counted() -> None:
    kept = replace(RECIPE, train=training(keep_best=True, keep_every=10, keep_checkpoints=3))
    plan = make_plan(kept, processor())
    assert plan.n_checkpoints == 3 + 1 + plan.recipe.train.steps // 10 + 1


def test_a_large_vocabulary_takes_four_bytes_a_token() -> None:
    vocabularies = (TokensConfig(vocab_size=n_tokens) for n_tokens in (1 << 16, 1 + (1 << 16)))
    small, large = (make_plan(replace(RECIPE, tokens=tokens), processor()) for tokens in vocabularies)
    assert large.shard_bytes == pytest.approx(2 * small.shard_bytes, rel=0.01)


def test_what_fits_has_no_remedy_and_what_does_not_has_one_that_works() -> None:
    assert make_plan(RECIPE, processor()).remedy is None
    tight = make_plan(RECIPE, processor(gib=2))
    assert not tight.fits and tight.remedy is not None
    mended = replace(RECIPE, train=replace(RECIPE.train, **tight.remedy.changes))
    assert make_plan(mended, processor(gib=2)).fits


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_fits_four_large_cards_or_can_be_made_to(name: str) -> None:
    plan = make_plan(load_recipe(name), cards(4, gib=80))
    assert plan.fits or plan.remedy is not None
    assert plan.hours is not None and plan.hours > 0
