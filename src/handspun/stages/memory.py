"""The planner's check before a stage that holds a model: whether this machine has the memory, and the run the text."""

from dataclasses import replace

from handspun.device import choose_device
from handspun.evaluate import bpb
from handspun.model.transformer import Transformer
from handspun.planner.at_hand import devices_at_hand
from handspun.planner.check import check_reading, check_training
from handspun.planner.memory import Footprint
from handspun.planner.plan import make_plan
from handspun.planner.reading import Reading
from handspun.stages.stage import Workshop
from handspun.train.choice import Room
from handspun.train.config import TrainConfig


def room_on_device(model: Transformer, config: TrainConfig) -> Room:
    """What this process's device can hold in training, whole or in parts."""
    devices = devices_at_hand(choose_device())
    whole, part = (Footprint(model.config, model.vocab_size, config, devices, mode) for mode in ("ddp", "fsdp"))
    with_gradients = part.memory().total + whole.memory().gradients
    return Room(for_model=whole.has_room, for_gradients=with_gradients <= devices.free_bytes)


def check_pretraining(workshop: Workshop) -> None:
    """Raises DeviceError or CorpusError where the pretraining would not go through."""
    check_training(make_plan(workshop.recipe, devices_at_hand(choose_device()), workshop.run), "training")


def check_tuning(workshop: Workshop) -> None:
    """Raises DeviceError where the tuning would not go through."""
    recipe = workshop.recipe
    assert recipe.tune is not None
    tuned = replace(recipe, train=recipe.tune.applied_to(recipe.train))
    check_training(make_plan(tuned, devices_at_hand(choose_device()), workshop.run), "tuning")


def check_evaluation(workshop: Workshop) -> None:
    """Raises DeviceError where the questions, or the held-out text, are too many at once."""
    recipe = workshop.recipe
    n_rows = recipe.evaluate.rows if recipe.corpus.conversations else bpb.ROWS
    devices = devices_at_hand(choose_device())
    reading = Reading(recipe.model, recipe.tokens.vocab_size, devices, n_rows, recipe.train.seq_len)
    check_reading(reading, what=f'evaluating "{recipe.name}"', rows_key="evaluate.rows")
