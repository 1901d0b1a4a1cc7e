"""How a model is trained, as a recipe gives it."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class SuperpositionConfig:
    """Token superposition (Peng 2026): for the first part of a run, bags of tokens are read and predicted instead of tokens."""

    bag: int = 6
    """Tokens per bag."""
    share: float = 0.3
    """Part of the steps that is done on bags."""
    kind: Literal["both", "output"] = "both"
    """both: bags are read and predicted, which reads `bag` times the text. output: tokens are read, bags are predicted."""

    def __post_init__(self) -> None:
        if self.bag < 2:
            raise ValueError(f"bag={self.bag}: at least 2; leave superposition out to train on tokens alone")
        if not 0 < self.share < 1:
            raise ValueError(f"share={self.share}: must lie between 0 and 1, so that a part of the run reads tokens")


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardConfig:
    """What counts as a batch that would spoil a run, and what is done about it."""

    window: int = 50
    """Steps whose losses and gradient norms the next one is compared with."""
    loss_spike: float = 6.0
    """A loss above the window's median by more than this many times its usual deviation is a spike."""
    grad_spike: float = 20.0
    """A gradient norm of more than this many times the window's median is a spike."""
    patience: int = 3
    """Bad steps in a row that are skipped; one more, and the run goes back to its last checkpoint and passes over them."""
    max_rollbacks: int = 3
    """How often a run may go back before it stops with a diagnosis."""

    def __post_init__(self) -> None:
        for key in ("window", "patience"):
            if getattr(self, key) < 1:
                raise ValueError(f"{key}={getattr(self, key)}: must be at least 1")
        for key in ("loss_spike", "grad_spike"):
            if not getattr(self, key) > 1:
                raise ValueError(f"{key}={getattr(self, key)}: must be above 1, or ordinary steps would be skipped")
        if self.max_rollbacks < 0:
            raise ValueError(f"max_rollbacks={self.max_rollbacks}: must be at least 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Pretraining: how much is read, in which batches, and how each step is taken."""

    train_tokens: int = 10_000_000
    """Tokens to read in all."""
    seq_len: int = 512
    """Tokens per sequence; at most model.max_seq_len."""
    micro_batch: int = 8
    """Sequences per forward, per device."""
    batch_tokens: int = 32_768
    """Tokens per optimizer step, all devices; grad_accum follows."""
    chat_share: float = 0.0
    """Share of the sequences that are packed conversations; the others are text."""
    document_mask: bool = False
    """Keep documents packed into one sequence from seeing each other. Conversations never do."""
    optimizer: Literal["adamw", "muon"] = "muon"
    """adamw for every weight, or muon for the matrices of the blocks and adamw for the rest."""
    lr: float = 0.004
    """Peak learning rate of adamw."""
    matrix_lr: float = 0.02
    """Peak learning rate of muon."""
    min_lr_ratio: float = 0.0
    """Share of the peak at which the learning rate ends."""
    schedule: Literal["wsd", "cosine"] = "wsd"
    """wsd: warm up, stay, decay linearly over the last decay_steps. cosine: warm up, then half a cosine."""
    warmup_steps: int = 10
    """Steps in which the learning rate rises linearly from zero."""
    decay_steps: int | None = None
    """Steps of the final decay of wsd. Absent: 60 % of the run."""
    weight_decay: float = 0.05
    """Decoupled weight decay of the matrices and tables; norms and biases have none."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Averaging of the gradient and of its square in adamw."""
    momentum: float = 0.95
    """Averaging of the gradient in muon."""
    grad_clip: float | None = 1.0
    """Largest norm of the whole gradient. Absent: not limited."""
    compute_dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """What states are computed in; weights stay float32. auto: bfloat16 where it is measured to be faster."""
    compile: bool = False
    """Compile the model with torch.compile; pays on a GPU, costs half a minute and needs g++ on a CPU."""
    superposition: SuperpositionConfig | None = None
    """Begin with bags of tokens, such as {bag = 6, share = 0.3}: more text in the same time. Absent: tokens throughout."""
    guard: GuardConfig = field(default_factory=GuardConfig)
    """Skips batches whose loss or gradient spikes, and goes back where that does not help."""
    parallel: Literal["auto", "ddp", "fsdp"] = "auto"
    """How several devices share the work: each with the whole model (ddp) or with a part (fsdp). auto: ddp where it fits."""
    activation_checkpointing: Literal["none", "selective", "full"] = "none"
    """What is computed anew in the backward pass to save memory: nothing, every other block, every block."""
    offload: Literal["none", "optimizer", "all"] = "none"
    """What waits in the memory of the host between uses: nothing, the optimizer's state, or the weights as well."""
    eval_every: int = 100
    """Steps between measurements of val_bpb."""
    eval_tokens: int = 65_536
    """Tokens of held-out text read for each measurement while training."""
    sample_every: int = 100
    """Steps between samples from the same prompts."""
    sample_prompts: tuple[str, ...] = ()
    """What is said to the model for each sample."""
    save_every: int = 100
    """Steps between checkpoints."""
    keep_checkpoints: int = 2
    """How many of the newest checkpoints stay on disk."""
    keep_best: bool = False
    """Keep the checkpoint with the lowest val_bpb as well."""
    keep_every: int | None = None
    """Keep every checkpoint whose step is a multiple of this as well."""
    sinks: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = ()
    """Where metrics are shown besides metrics.jsonl; each needs its package."""

    def __post_init__(self) -> None:
        for key in ("train_tokens", "seq_len", "micro_batch", "batch_tokens", "eval_every", "sample_every", "save_every"):
            if getattr(self, key) < 1:
                raise ValueError(f"{key}={getattr(self, key)}: must be at least 1")
        if self.batch_tokens % (self.seq_len * self.micro_batch):
            step = self.seq_len * self.micro_batch
            nearest = max(1, round(self.batch_tokens / step)) * step
            raise ValueError(
                f"batch_tokens={self.batch_tokens}: not a multiple of seq_len × micro_batch = {step}; {nearest} would be"
            )
        for key in ("warmup_steps", "decay_steps", "weight_decay"):
            if (getattr(self, key) or 0) < 0:
                raise ValueError(f"{key}={getattr(self, key)}: must be at least 0")
        for key in ("chat_share", "min_lr_ratio"):
            if not 0 <= getattr(self, key) <= 1:
                raise ValueError(f"{key}={getattr(self, key)}: must lie between 0 and 1")
        for key in ("lr", "matrix_lr"):
            if not getattr(self, key) > 0:
                raise ValueError(f"{key}={getattr(self, key)}: must be above 0")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas={list(self.betas)}: each must be at least 0 and below 1")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum={self.momentum}: must be at least 0 and below 1")
        if self.eval_tokens < 2:
            raise ValueError(f"eval_tokens={self.eval_tokens}: at least 2, one to read and one to predict")
        if self.keep_checkpoints < 1:
            raise ValueError(f"keep_checkpoints={self.keep_checkpoints}: at least 1, or nothing could be resumed")
        if self.grad_clip is not None and not self.grad_clip > 0:
            raise ValueError(f"grad_clip={self.grad_clip}: must be above 0, or leave it out")
        if self.schedule == "cosine" and self.decay_steps is not None:
            raise ValueError(f"decay_steps={self.decay_steps}: cosine falls over the whole run; leave it out, or take wsd")
        if self.superposition and self.chat_share:
            raise ValueError(f"chat_share={self.chat_share}: superposition reads text alone; leave one of the two out")
        if self.keep_every is not None and self.keep_every < 1:
            raise ValueError(f"keep_every={self.keep_every}: must be at least 1, or leave it out")
        if self.warmup_steps + self.final_steps > self.steps:
            raise ValueError(
                f"warmup_steps={self.warmup_steps}: with {self.final_steps} decay steps that is more than the run's "
                f"{self.steps} steps; shorten one, or raise train_tokens"
            )

    @property
    def grad_accum(self) -> int:
        """Forwards per optimizer step on one device."""
        return self.batch_tokens // (self.seq_len * self.micro_batch)

    @property
    def batch_rows(self) -> int:
        """Sequences per optimizer step."""
        return self.batch_tokens // self.seq_len

    @property
    def steps(self) -> int:
        """Optimizer steps in the run."""
        return max(1, round(self.train_tokens / self.batch_tokens))

    @property
    def bag_steps(self) -> int:
        """Steps done on bags of tokens, at the beginning of the run."""
        return round(self.superposition.share * self.steps) if self.superposition else 0

    @property
    def text_tokens(self) -> int:
        """Tokens of text that the run reads: more than it is trained on where whole bags are read."""
        reads_bags = self.superposition is not None and self.superposition.kind == "both"
        widening = self.bag_steps * (self.superposition.bag - 1) if self.superposition and reads_bags else 0
        return (self.steps + widening) * self.batch_tokens

    @property
    def final_steps(self) -> int:
        """Steps of the final decay."""
        if self.schedule == "cosine":
            return 0
        if self.decay_steps is not None:
            return self.decay_steps
        return max(0, min(int(0.6 * self.steps), self.steps - self.warmup_steps))
