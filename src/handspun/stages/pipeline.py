"""The whole way, stage after stage."""

from collections.abc import Iterator

from handspun.stages.curate import CURATE
from handspun.stages.evaluate import EVALUATE
from handspun.stages.stage import Outcome, Stage, Workshop, run_stage
from handspun.stages.tokenize import TOKENIZE
from handspun.stages.train import TRAIN
from handspun.stages.tune import TUNE

STAGES: tuple[Stage, ...] = (CURATE, TOKENIZE, TRAIN, TUNE, EVALUATE)


def run_stages(workshop: Workshop, *, until: str = EVALUATE.name) -> Iterator[Outcome]:
    """Do every stage the recipe asks for, up to and including `until`, and say what became of each."""
    for stage in STAGES:
        if stage.is_asked_for(workshop.recipe):
            yield run_stage(stage, workshop)
        if stage.name == until:
            return
