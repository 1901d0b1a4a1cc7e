"""A recipe: one table per room, and the only file that knows every room's config."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from handspun.corpus.config import CorpusConfig
from handspun.errors import SettingsError
from handspun.evaluate.config import EvaluateConfig
from handspun.generate.config import GenerateConfig
from handspun.model.config import ModelConfig
from handspun.retrieve.config import RetrieveConfig
from handspun.serve.config import ServeConfig
from handspun.settings import apply_overrides, build, read_toml
from handspun.tokens.config import TokensConfig
from handspun.train.config import TrainConfig
from handspun.tune.config import TuneConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Everything that decides a model, from its text to how it is asked."""

    name: str
    """Name of the recipe; its run folder is runs/NAME unless --run says otherwise."""
    seed: int = 1
    """Fixes the first weights and the order of the data. What is held out follows from the text alone."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    """Raw text to clean documents."""
    tokens: TokensConfig = field(default_factory=TokensConfig)
    """Documents to token shards."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """The shape."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """Shards to checkpoint."""
    tune: TuneConfig | None = None
    """Base model to assistant. Absent: the model is not tuned."""
    generate: GenerateConfig = field(default_factory=GenerateConfig)
    """Checkpoint to text."""
    retrieve: RetrieveConfig | None = None
    """Text to look things up in. Absent: the run has no index of its own."""
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    """How good it is."""
    serve: ServeConfig = field(default_factory=ServeConfig)
    """Checkpoint to HTTP."""

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name or self.name.startswith("."):
            raise ValueError(f'name="{self.name}": must be a plain file name, because it names the run folder')
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed={self.seed}: must lie between 0 and 2**32 - 1")
        if self.train.seq_len > self.model.max_seq_len:
            raise ValueError(
                f"train.seq_len={self.train.seq_len}: more than model.max_seq_len={self.model.max_seq_len}; "
                f"lower the one or raise the other"
            )
        if self.train.chat_share and not self.corpus.conversations:
            raise ValueError(
                f"train.chat_share={self.train.chat_share}: there are no conversations; name some in corpus.conversations"
            )
        if self.train.superposition and (self.model.copy_head or self.model.repeat_embedding):
            part = "copy_head" if self.model.copy_head else "repeat_embedding"
            raise ValueError(f"model.{part}=true: looks at single tokens; leave it or train.superposition out")
        if self.tune is not None and not self.corpus.conversations:
            raise ValueError("corpus.conversations=[]: [tune] learns from conversations; name some, or leave [tune] out")


def shipped_recipes() -> list[str]:
    """The names of the recipes that come with the package."""
    folder = resources.files("handspun") / "recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def find_recipe(name: str) -> Path:
    """The file of a shipped recipe, of a run folder, or at a path. Raises SettingsError with the nearest name."""
    path = Path(name)
    if path.is_dir() and (path / "recipe.toml").is_file():
        return path / "recipe.toml"
    if path.suffix == ".toml" or path.is_file():
        return path
    if name in shipped_recipes():
        return Path(str(resources.files("handspun") / "recipes" / f"{name}.toml"))
    if (Path("runs") / name / "recipe.toml").is_file():
        return Path("runs") / name / "recipe.toml"
    guesses = difflib.get_close_matches(name, shipped_recipes(), n=1)
    hint = f'did you mean "{guesses[0]}"? A file is given by its path, NAME.toml.' if guesses else "or give a path, NAME.toml."
    raise SettingsError(f'no recipe "{name}": shipped are {", ".join(shipped_recipes())}; {hint}')


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe with overrides such as "train.lr=1e-3" applied, checked in full. Raises SettingsError."""
    path = find_recipe(name)
    tree = read_toml(path)
    recipe = build(Recipe, tree, where=path)
    return build(Recipe, apply_overrides(tree, overrides)) if overrides else recipe
