"""What a recipe takes, before anything is spent: parameters, FLOPs, memory, disk and hours; and what would make it fit."""

from dataclasses import dataclass, replace

from handspun.model.cost import FP32_BYTES, flops_per_token, optimizer_states, parameters
from handspun.planner.devices import Devices
from handspun.planner.duration import hours
from handspun.planner.memory import Footprint, Memory
from handspun.planner.mode import footprint_of
from handspun.planner.remedy import Remedy, memory_remedy
from handspun.planner.text import Text, text_of
from handspun.recipe import Recipe
from handspun.runs import Run

NARROW_VOCABULARY = 1 << 16
"""Up to so many tokens, one takes two bytes on disk; above, four."""


@dataclass(frozen=True)
class Plan:
    """A recipe on devices."""

    recipe: Recipe
    footprint: Footprint
    text: Text

    @property
    def devices(self) -> Devices:
        """What it is planned for."""
        return self.footprint.devices

    @property
    def memory(self) -> Memory:
        """What each device holds at the highest moment."""
        return self.footprint.memory()

    @property
    def n_params_by_part(self) -> dict[str, int]:
        """Weights by part, without the parts that the shape has not."""
        by_part = parameters(self.recipe.model, self.recipe.tokens.vocab_size)
        return {part: n for part, n in by_part.items() if n}

    @property
    def train_tokens(self) -> int:
        """Tokens that the training computes on."""
        return self.recipe.train.steps * self.recipe.train.batch_tokens

    @property
    def flops(self) -> int:
        """All of the training; what is recomputed does not count."""
        recipe = self.recipe
        return self.train_tokens * flops_per_token(recipe.model, recipe.tokens.vocab_size, recipe.train.seq_len)

    @property
    def hours(self) -> float | None:
        """Of training steps; None where the rate is not known."""
        return hours(self.footprint)

    @property
    def fits(self) -> bool:
        """Whether there is memory enough, and text."""
        return self.footprint.fits and self.text.is_enough

    @property
    def remedy(self) -> Remedy | None:
        """The smallest change with which it fits; None where it does already, or where no change would do."""
        memory = Remedy({}, self.hours) if self.footprint.fits else memory_remedy(self.footprint)
        if self.fits or memory is None:
            return None
        return memory if self.text.is_enough else replace(memory, changes={**memory.changes, "superposition.kind": "output"})

    @property
    def checkpoint_bytes(self) -> int:
        """One checkpoint: weights and the optimizer's state."""
        states = optimizer_states(self.recipe.model, self.recipe.tokens.vocab_size, self.recipe.train.optimizer)
        return FP32_BYTES * (self.footprint.n_params + states)

    @property
    def n_checkpoints(self) -> int:
        """Checkpoints on disk at the end, and the one that is being written before an older one goes."""
        train = self.recipe.train
        milestones = train.steps // train.keep_every if train.keep_every else 0
        return train.keep_checkpoints + train.keep_best + milestones + 1

    @property
    def shard_bytes(self) -> int:
        """The text as tokens: what there is, or where that is not known what is read."""
        n_tokens = self.text.wanted if self.text.available is None else self.text.available
        return n_tokens * (2 if self.recipe.tokens.vocab_size <= NARROW_VOCABULARY else 4)

    @property
    def disk_bytes(self) -> int:
        """Checkpoints and shards together."""
        return self.n_checkpoints * self.checkpoint_bytes + self.shard_bytes


def make_plan(recipe: Recipe, devices: Devices, run: Run | None = None) -> Plan:
    """The plan of a recipe, with the text that its run has already where there is one."""
    footprint = footprint_of(recipe.model, recipe.tokens.vocab_size, recipe.train, devices)
    return Plan(recipe, footprint, text_of(recipe, run))
