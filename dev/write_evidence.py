"""Write docs/runs/EXPERIMENT.md and its plot from run folders: `python dev/write_evidence.py EXPERIMENT FOLDER`.

dev/evidence/EXPERIMENT.toml says what is compared and what that does not show; FOLDER holds a run per arm and seed, such as
muon-s1. Every number of the page is read from those runs.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from handspun.comparison import History, differences, panels, read_history
from handspun.errors import HandspunError, RunError
from handspun.evaluate.report import table
from handspun.files import read_json, write_bytes
from handspun.model.cost import parameters
from handspun.plot.svg import svg
from handspun.runs import Run
from handspun.settings import build, read_toml, toml_text

ROOT = Path(__file__).parent.parent
EXPERIMENTS, PAGES = ROOT / "dev" / "evidence", ROOT / "docs" / "runs"
OF_NO_ACCOUNT = {"name", "seed"}
"""Keys in which every run differs from every other."""
MINUS = "−"


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """What is compared, and how far the answer reaches."""

    title: str
    """Heading of the page."""
    question: str
    """What the runs were made to find out, on which text."""
    arms: tuple[tuple[str, str], ...]
    """What is compared: the name of each arm on the page, and that of its runs, which are NAME-sSEED."""
    differences: tuple[tuple[str, str], ...]
    """Pairs of arms: of each seed the second is subtracted from the first."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """The seeds that every arm was run with."""
    limits: str
    """What the runs do not show."""

    def __post_init__(self) -> None:
        arms = dict(self.arms)
        if unknown := [arm for pair in self.differences for arm in pair if arm not in arms]:
            raise ValueError(f'differences: "{unknown[0]}" is none of the arms ({", ".join(arms)})')


@dataclass(frozen=True)
class Trial:
    """One run of an experiment, trained to its end."""

    history: History
    provenance: dict[str, Any]

    @property
    def val_bpb(self) -> float:
        """The held-out bits per byte that it ended with."""
        return self.history.facts()["val_bpb"]

    @property
    def tokens(self) -> str:
        """The hash of every set of tokens that it was trained on."""
        return " ".join(sha256 for name, sha256 in self.provenance["data"].items() if name.startswith("train"))


Arms = dict[str, list[Trial]]
"""The runs of each arm, in the order of the seeds."""


def read_trial(path: Path, seed: int) -> Trial:
    """One run. Raises RunError where it is absent, unfinished, unmeasured, or of another seed."""
    run = Run(path)
    if not run.recipe_path.is_file():
        raise RunError(f"{path} is no run; make it, or name the folder of the runs as the second argument.")
    history = read_history(run)
    steps, last = history.recipe.train.steps, history.records[-1]
    if last["step"] != steps or last.get("val_bpb") is None or not run.provenance_path.is_file():
        raise RunError(f"{path} has done {last['step']:,} of {steps:,} steps, or was not measured at the end; train it on.")
    if history.recipe.seed != seed:
        raise RunError(f"{path} was run with seed={history.recipe.seed}; run it again with seed={seed}.")
    return Trial(history, read_json(run.provenance_path))


def read_arms(experiment: Experiment, folder: Path) -> Arms:
    """Every run. Raises RunError where they were not trained on the same tokens."""
    arms = {arm: [read_trial(folder / f"{runs}-s{seed}", seed) for seed in experiment.seeds] for arm, runs in experiment.arms}
    if len({trial.tokens for trial in every_trial(arms)}) > 1:
        raise RunError(f"the runs in {folder} were trained on different tokens; a comparison needs the same text in each.")
    return arms


def every_trial(arms: Arms) -> list[Trial]:
    """The runs of all arms."""
    return [trial for trials in arms.values() for trial in trials]


def page(name: str, experiment: Experiment, arms: Arms) -> str:
    """The page in Markdown."""
    parts = [
        f"<!-- written by `python dev/write_evidence.py {name} FOLDER` from the runs themselves; change it there -->",
        f"# {experiment.title}",
        experiment.question,
        setting(arms),
        differing_keys(arms),
        results_table(experiment, arms),
        "Differences between runs of the same seed; below zero, the first is better.",
        differences_table(experiment, arms),
        f"![Losses of each run over tokens, time and FLOPs]({name}.svg)",
        costs_table(arms),
        f"**What this does not show.** {experiment.limits}",
        origin(arms),
    ]
    return "\n\n".join(parts) + "\n"


def setting(arms: Arms) -> str:
    """What all runs share, in a sentence or two."""
    recipe = every_trial(arms)[0].history.recipe
    model, train = recipe.model, recipe.train
    n_params = sum(parameters(model, recipe.tokens.vocab_size).values())
    shape = f"{n_params / 1e6:.1f}M parameters ({model.n_layers} layers of width {model.d_model})"
    batches = f"{train.steps:,} steps of {train.batch_tokens:,} tokens in sequences of {train.seq_len:,}"
    return f"{shape}, {batches}, vocabulary {recipe.tokens.vocab_size:,}. The arms differ in these keys of the recipe:"


def differing_keys(arms: Arms) -> str:
    """The keys that not all arms share."""
    values = differences([trials[0].history for trials in arms.values()])
    rows = [
        [f"`{key}`", *("–" if value is None else f"`{toml_text(value)}`" for value in found)]
        for key, found in values.items()
        if key not in OF_NO_ACCOUNT
    ]
    return table(["key", *arms], rows)


def results_table(experiment: Experiment, arms: Arms) -> str:
    """Bits per byte of each arm: mean, spread, and every seed."""
    eval_tokens = every_trial(arms)[0].history.recipe.train.eval_tokens
    head = f"bits per byte of the first {eval_tokens:,} held-out tokens"
    rows = [summary_row(arm, [trial.val_bpb for trial in trials], "{:.4f}".format) for arm, trials in arms.items()]
    return table([head, *summary_columns(experiment)], rows)


def differences_table(experiment: Experiment, arms: Arms) -> str:
    """The paired differences: mean, spread, and every seed."""
    rows = []
    for first, second in experiment.differences:
        pairs = zip(arms[first], arms[second], strict=True)
        rows.append(summary_row(f"{first} {MINUS} {second}", [one.val_bpb - other.val_bpb for one, other in pairs], signed))
    return table(["difference in bits per byte", *summary_columns(experiment)], rows)


def summary_columns(experiment: Experiment) -> list[str]:
    """The heads of a table whose rows are summed up over the seeds."""
    return ["mean ± standard deviation", *(f"seed {seed}" for seed in experiment.seeds)]


def summary_row(name: str, values: Sequence[float], text: Callable[[float], str]) -> list[str]:
    """A name, the mean with the spread of single runs around it, and the runs."""
    spread = f" ± {stdev(values):.4f}" if len(values) > 1 else ""
    return [name, f"{text(mean(values))}{spread}", *map(text, values)]


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{value:+.4f}".replace("-", MINUS)


def costs_table(arms: Arms) -> str:
    """What a run of each arm took, as a mean over the seeds."""
    rows = []
    for arm, trials in arms.items():
        facts = [trial.history.facts() for trial in trials]
        tokens, flops = (f"{mean(fact[key] for fact in facts):{form}}" for key, form in (("tokens", ",.0f"), ("flops", ".3g")))
        minutes, speed = mean(60 * fact["hours"] for fact in facts), mean(fact["tok_per_s"] for fact in facts)
        rows.append([arm, tokens, flops, f"{minutes:.1f}", f"{speed:,.0f}"])
    return table(["per run", "tokens read", "model FLOPs", "minutes", "tokens per second"], rows)


def origin(arms: Arms) -> str:
    """Where the runs come from: commit, machine, its load, the data and the day."""
    facts = [trial.provenance for trial in every_trial(arms)]
    commits = unique(str(fact["commit"])[:12] for fact in facts)
    machines = unique(f"{fact['machine']['n_cores']} cores of {fact['machine']['cpu']}" for fact in facts)
    days = unique(fact["started"][:10] for fact in facts)
    loads = [fact["load"] for fact in facts if "load" in fact]
    load = f", load {min(loads):.1f} to {max(loads):.1f}" if loads else ""
    tokens = every_trial(arms)[0].tokens[:12]
    return f"{len(facts)} runs at commit {commits} on {machines}{load}; tokens {tokens}; {days}."


def unique(values: Any) -> str:
    """Each of the values once, in order."""
    return ", ".join(dict.fromkeys(values))


def write_evidence(name: str, folder: Path, experiments: Path = EXPERIMENTS, pages: Path = PAGES) -> None:
    """Write the page and the plot of one experiment. Raises HandspunError where runs are missing or do not belong together."""
    experiment = build(Experiment, read_toml(experiments / f"{name}.toml"), where=experiments / f"{name}.toml")
    arms = read_arms(experiment, folder)
    grid = panels([(arm, trial.history) for arm, trials in arms.items() for trial in trials])
    write_bytes(pages / f"{name}.svg", svg(grid, f"{experiment.title}: losses over tokens, time and FLOPs").encode())
    write_bytes(pages / f"{name}.md", page(name, experiment, arms).encode())


if __name__ == "__main__":
    try:
        write_evidence(sys.argv[1], Path(sys.argv[2]))
    except HandspunError as error:
        sys.exit(f"error: {error}")
