"""One sentence before memory is spent: what is needed, what is free, what to set."""

from dataclasses import replace

import pytest
from small import VOCABULARY, cards, footprint, processor, training

from handspun.errors import CorpusError, DeviceError, SettingsError
from handspun.planner.check import check_reading, check_training
from handspun.planner.plan import make_plan
from handspun.planner.reading import Reading
from handspun.recipe import Recipe
from handspun.train.config import SuperpositionConfig

RECIPE = Recipe(name="mine", model=footprint().model, train=training())


def test_what_fits_is_not_talked_about() -> None:
    check_training(make_plan(RECIPE, processor()))
    check_reading(Reading(RECIPE.model, VOCABULARY, processor(), 1, 512), what="loading")


def test_a_training_that_does_not_fit_is_told_with_its_remedy() -> None:
    said = r'^training "mine" needs [\d.]+ GiB of memory, and 2\.00 GiB of processor are free; set train\.micro_batch=\d+, or'
    with pytest.raises(DeviceError, match=said):
        check_training(make_plan(RECIPE, processor(gib=2)))


def test_where_nothing_helps_nothing_is_promised() -> None:
    with pytest.raises(
        DeviceError, match=r"; take a smaller model, or more or larger devices, or go on regardless with --force\.$"
    ):
        check_training(make_plan(RECIPE, processor(gib=0.3)))


def test_devices_that_cannot_share_a_step_are_told_the_size_that_they_can() -> None:
    with pytest.raises(
        SettingsError, match=r"8 devices cannot share steps of 64 .* train\.micro_batch=16; set train\.micro_batch=8\."
    ):
        check_training(make_plan(RECIPE, cards(8)))


def test_too_little_text_for_superposition_is_told_with_the_form_that_needs_no_more() -> None:
    superposed = replace(RECIPE, train=training(superposition=SuperpositionConfig()))
    said = r"reads 25,\d+,\d+ tokens of text once, and there are about \d+,\d+; set train\.superposition\.kind=output"
    with pytest.raises(CorpusError, match=said):
        check_training(make_plan(superposed, processor()))


def test_memory_and_text_have_one_remedy() -> None:
    superposed = replace(RECIPE, train=training(superposition=SuperpositionConfig()))
    remedy = make_plan(superposed, processor(gib=2)).remedy
    assert remedy is not None
    assert remedy.overrides.startswith("train.micro_batch=")
    assert remedy.overrides.endswith(" train.superposition.kind=output")


def test_fewer_rows_are_the_remedy_where_a_key_sets_them() -> None:
    many = Reading(RECIPE.model, VOCABULARY, processor(gib=1), 4096, 512)
    with pytest.raises(
        DeviceError, match=r"^evaluating needs .* GiB free|; set evaluate\.rows=\d+, or go on regardless with --force"
    ):
        check_reading(many, what="evaluating", rows_key="evaluate.rows")
    with pytest.raises(DeviceError, match="close other programs, or take a smaller model"):
        check_reading(many, what="loading")
