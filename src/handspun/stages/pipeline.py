"""The whole way, stage after stage."""

from collections.abc import Iterator

from handspun.errors import SettingsError
from handspun.stages.curate import CURATE
from handspun.stages.evaluate import EVALUATE
from handspun.stages.index import INDEX
from handspun.stages.stage import Outcome, Stage, Workshop, follow_stage, retire_stage, run_stage
from handspun.stages.tokenize import TOKENIZE
from handspun.stages.train import TRAIN
from handspun.stages.tune import TUNE

STAGES: tuple[Stage, ...] = (CURATE, TOKENIZE, TRAIN, TUNE, INDEX, EVALUATE)


def run_stages(workshop: Workshop, *, until: str = EVALUATE.name) -> Iterator[Outcome]:
    """Do every stage the recipe asks for, up to and including `until`, and say what became of each.

    Raises SettingsError where `until` is not among them; and, before anything is done, DeviceError or CorpusError where a stage
    that was never finished will find too little memory or text.
    """
    names = [stage.name for stage in STAGES]
    stages = STAGES[: names.index(until) + 1]
    if not stages[-1].is_asked_for(workshop.recipe):
        raise SettingsError(f'the recipe "{workshop.recipe.name}" has no table [{until}]; write one, or leave this stage out.')
    done = {name for name, record in workshop.run.stages().items() if record["finished"]}
    for stage in stages:
        if stage.is_asked_for(workshop.recipe) and stage.name not in done:
            stage.check_unless_forced(workshop)
    for place, stage in enumerate(stages, start=1):
        if stage.is_asked_for(workshop.recipe):
            yield run_stage(stage, workshop, later=names[place:])
        else:
            retire_stage(stage, workshop, later=names[place:])


def follow_stages(workshop: Workshop, *, until: str = EVALUATE.name) -> None:
    """What every process but the first does: its share of the stages that are shared, when their time has come."""
    names = [stage.name for stage in STAGES]
    for stage in STAGES[: names.index(until) + 1]:
        if stage.is_shared and stage.is_asked_for(workshop.recipe):
            follow_stage(stage, workshop)
