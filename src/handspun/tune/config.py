"""How a pretrained model is tuned into an assistant, as a recipe gives it."""

from dataclasses import dataclass, replace

from handspun.train.config import TrainConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneConfig:
    """Instruction tuning on conversations. What is not named here is as in [train]."""

    train_tokens: int = 1_000_000
    """Tokens to read in all, replay included."""
    mask_prompt: bool = True
    """Learn from replies and their end-of-turn token only; false: from prompts too."""
    replay_share: float = 0.25
    """Share of the sequences that are pretraining text, so that it is not forgotten."""
    lr: float = 0.0006
    """Peak learning rate of adamw."""
    matrix_lr: float = 0.003
    """Peak learning rate of muon."""
    warmup_steps: int = 10
    """Steps in which the learning rate rises linearly from zero; then it falls linearly to its end."""

    def __post_init__(self) -> None:
        if self.train_tokens < 1:
            raise ValueError(f"train_tokens={self.train_tokens}: must be at least 1")
        if not 0 <= self.replay_share < 1:
            raise ValueError(f"replay_share={self.replay_share}: must be at least 0 and below 1")
        for key in ("lr", "matrix_lr"):
            if not getattr(self, key) > 0:
                raise ValueError(f"{key}={getattr(self, key)}: must be above 0")
        if self.warmup_steps < 0:
            raise ValueError(f"warmup_steps={self.warmup_steps}: must be at least 0")

    def applied_to(self, train: TrainConfig) -> TrainConfig:
        """The trainer's settings for this tuning."""
        steps = max(1, round(self.train_tokens / train.batch_tokens))
        warmup_steps = min(self.warmup_steps, steps - 1)
        return replace(
            train,
            train_tokens=self.train_tokens,
            chat_share=1 - self.replay_share,
            superposition=None,
            lr=self.lr,
            matrix_lr=self.matrix_lr,
            schedule="wsd",
            warmup_steps=warmup_steps,
            decay_steps=steps - warmup_steps,
        )
