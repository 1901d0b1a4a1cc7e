"""The stage that pretrains a model on the shards."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handspun.checkpoint import Checkpoint, all_checkpoints
from handspun.corpus.document import Message
from handspun.corpus.pipeline import read_questions
from handspun.device import choose_device, keep_freed_memory
from handspun.errors import DamagedFileError
from handspun.evaluate.answers import prompt
from handspun.evaluate.bpb import held_out_loss
from handspun.files import MANIFEST, sha256
from handspun.generate.config import GenerateConfig
from handspun.generate.torch_engine import TorchEngine
from handspun.metrics import Metrics
from handspun.model.transformer import Transformer
from handspun.model.unfilled import unfilled
from handspun.recipe import Recipe
from handspun.runs import Run
from handspun.stages.memory import check_pretraining, room_on_device
from handspun.stages.mixture import mixture_facts
from handspun.stages.record import Recorder, recorder_of
from handspun.stages.stage import Progress, Stage, Workshop
from handspun.stages.tokenize import chat_shards, held_out_shards, text_shards, tokenizer_folder
from handspun.tokens.chat import render
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.batches import Batches, ChatRows
from handspun.train.config import TrainConfig
from handspun.train.mixture import mixed_rows
from handspun.train.trainer import Listeners, StepReport, Trainer

SAMPLE_TOKENS = 40


def last_checkpoint(folder: Path, config: TrainConfig) -> Path:
    """The checkpoint that training into `folder` ends with."""
    return folder / f"{config.steps:08d}"


def pretrained(workshop: Workshop) -> Path:
    """The checkpoint that pretraining ends with."""
    return last_checkpoint(workshop.run.checkpoints, workshop.recipe.train)


def token_hashes(workshop: Workshop) -> Mapping[str, str]:
    """The hash of every set of shards and of the vocabulary, and the weights by which they are mixed."""
    manifests = sorted(workshop.run.tokens.glob(f"*/{MANIFEST}"))
    corpus = workshop.recipe.corpus
    weights = {"weights": str(corpus.parts)} if corpus.weights else {}
    return {**{manifest.parent.name: sha256(manifest) for manifest in manifests}, **weights}


def compute_dtype(config: TrainConfig, checkpoints: Path) -> torch.dtype:
    """The dtype of the recipe; where it says auto, that in which training began, or else the faster one of the device."""
    if config.compute_dtype != "auto":
        return getattr(torch, config.compute_dtype)
    begun = begun_with(checkpoints)
    return getattr(torch, begun or choose_device().compute_dtype)


def agreed_dtype(workshop: Workshop) -> torch.dtype:
    """The compute dtype for all processes of a run: measured to be faster by one, it might not be by the next."""
    dtype = compute_dtype(workshop.recipe.train, workshop.run.checkpoints)
    return getattr(torch, workshop.processes.told(str(dtype).removeprefix("torch.")))


def begun_with(checkpoints: Path) -> str | None:
    """The dtype that the newest checkpoint whose facts can be read was computed in; None where there is none."""
    for checkpoint in reversed(all_checkpoints(checkpoints)):
        with suppress(DamagedFileError, OSError):
            return checkpoint.facts["compute_dtype"]
    return None


def pretraining_batches(recipe: Recipe, run: Run, tokenizer: Tokenizer) -> Batches:
    """Text, and conversations where the recipe mixes them in."""
    config = recipe.train
    text = None
    if config.chat_share < 1:
        texts = text_shards(run, recipe.corpus)
        text = mixed_rows(config, texts, recipe.corpus.parts, recipe.seed, end_of_text=tokenizer.end_of_text)
    chats = None
    if config.chat_share:
        chats = ChatRows(chat_shards(run), config.seq_len, recipe.seed, padding=tokenizer.pad, mask_prompt=False)
    return Batches(config, text, chats)


def listeners(
    workshop: Workshop, tokenizer: Tokenizer, config: TrainConfig, recorder: Recorder, progress: Progress
) -> Listeners:
    """Metrics to the file, progress and samples to the user."""

    def on_resume(step: int, told: list[str]) -> None:
        recorder.go_on(step)
        for sentence in told:
            workshop.reporter.say(sentence)
        if step:
            workshop.reporter.say(f"going on after step {step:,} of {config.steps:,}")
        progress(step * config.batch_tokens, config.steps * config.batch_tokens)

    def on_step(report: StepReport) -> None:
        recorder.step(report)
        if report.fault:
            workshop.reporter.say(f"step {report.step:,} is left out: {report.fault}")
        show(report.step, loss=report.train_loss)

    def on_eval(model: Transformer, step: int) -> Mapping[str, float]:
        measured = measure(model)
        if measured:
            recorder.evaluation(step, measured)
            show(step, **measured)
        return measured

    def show(step: int, **fields: float) -> None:
        progress(step * config.batch_tokens, config.steps * config.batch_tokens, **fields)

    measure = held_out_measure(workshop, tokenizer, config)
    return Listeners(
        on_resume=on_resume,
        on_step=on_step,
        on_eval=on_eval,
        on_sample=sampler(workshop, tokenizer, recorder),
    )


def held_out_measure(
    workshop: Workshop, tokenizer: Tokenizer, config: TrainConfig
) -> Callable[[Transformer], Mapping[str, float]]:
    """Measures val_loss and val_bpb on the first eval_tokens of held-out text; nothing where none is held out."""
    if not (workshop.run.tokens / "val").is_dir():
        return lambda _: {}
    shards = held_out_shards(workshop.run)

    def measure(model: Transformer) -> Mapping[str, float]:
        loss = held_out_loss(model, shards, tokenizer, seq_len=config.seq_len, max_tokens=config.eval_tokens)
        return {"val_loss": round(loss.val_loss, 5), "val_bpb": round(loss.val_bpb, 5)}

    return measure


def sampler(workshop: Workshop, tokenizer: Tokenizer, recorder: Recorder) -> Callable[[Transformer, int], None]:
    """Shows, and writes down, what the model says to the same prompts each time."""
    prompts, config = sample_prompts(workshop, tokenizer), GenerateConfig(max_new_tokens=SAMPLE_TOKENS)

    def on_sample(model: Transformer, step: int) -> None:
        replies = TorchEngine(model, tokenizer).generate([ids for _, ids in prompts], config)
        samples = [(shown, " ".join(reply.text.split())) for (shown, _), reply in zip(prompts, replies)]
        recorder.samples(step, samples)
        for shown, said in samples:
            workshop.reporter.sample(shown, said)

    return on_sample


def sample_prompts(workshop: Workshop, tokenizer: Tokenizer) -> list[tuple[str, list[int]]]:
    """What to show and what to ask: the recipe's prompts, and a held-out question with its passage where there are any.

    A prompt is asked as a message where the model reads conversations, and else is the beginning of a text.
    """
    prompts = workshop.recipe.train.sample_prompts
    if not workshop.recipe.corpus.conversations:
        return [(text, [tokenizer.end_of_text, *tokenizer.encode(text)]) for text in prompts]
    asked = [(text, [Message("user", text)]) for text in prompts]
    questions = workshop.run.corpus / "questions.jsonl"
    held_out = islice(read_questions(questions) if questions.is_file() else (), 1)
    asked += [(f"(with its passage) {question.question}", prompt(question, "right_passage")) for question in held_out]
    return [(shown, render(tokenizer, messages, open_reply=True).ids.tolist()) for shown, messages in asked]


def train_into(
    folder: Path,
    workshop: Workshop,
    config: TrainConfig,
    batches: Batches,
    model: Transformer,
    first_weights: Iterable[tuple[str, Tensor]],
    key: str,
    metrics: Metrics,
    stage: str,
) -> Checkpoint:
    """Train `model`, which is given empty, into `folder`, or go on with what is there.

    Of several processes only the first says what happens.
    """
    if batches.chats is not None and (n := batches.chats.n_left_out):
        workshop.reporter.say(f"{n:,} conversations are longer than train.seq_len={config.seq_len} and are left out")
    tokenizer, device = Tokenizer.load(tokenizer_folder(workshop.run)), choose_device().kind
    with workshop.reporter.progress(stage, "tokens") as progress, ExitStack() as stack:
        listening = None
        if workshop.processes.is_first:
            recorder = recorder_of(workshop, config, model, device, metrics, f"{stage}-{key[:8]}")
            listening = listeners(workshop, tokenizer, config, stack.enter_context(closing(recorder)), progress)
        trainer = Trainer(
            model,
            batches,
            config,
            folder=folder,
            tokenizer=tokenizer,
            recipe=workshop.recipe_toml,
            identity=key,
            seed=workshop.recipe.seed,
            device=device,
            first_weights=first_weights,
            room=room_on_device(model, config),
            listeners=listening,
            processes=workshop.processes,
        )
        if trainer.layout.description:
            workshop.reporter.say(trainer.layout.description)
        return trainer.run()


def work(workshop: Workshop, key: str) -> Mapping[str, Any]:
    """Pretrain from fresh weights."""
    recipe, run = workshop.recipe, workshop.run
    keep_freed_memory()
    tokenizer = Tokenizer.load(tokenizer_folder(run))
    dtype = agreed_dtype(workshop)
    with unfilled():
        model = Transformer(recipe.model, tokenizer.vocab_size, compute_dtype=dtype)
    first = model.first_weights(recipe.seed)
    batches, mixture = pretraining_batches(recipe, run, tokenizer), mixture_facts(workshop)
    checkpoint = train_into(run.checkpoints, workshop, recipe.train, batches, model, first, key, run.metrics, "train")
    n_tokens = recipe.train.steps * recipe.train.batch_tokens
    return {"step": checkpoint.step, "tokens": n_tokens, "compute_dtype": str(dtype)[6:], **mixture}


TRAIN = Stage(
    name="train",
    tables=["seed", "model", "train"],
    rooms=["model", "train"],
    inputs=token_hashes,
    outputs=lambda workshop: [workshop.run.checkpoints, workshop.run.metrics.path, pretrained(workshop)],
    work=work,
    check=check_pretraining,
    clocked_s=lambda workshop: workshop.run.metrics.newest("seconds") or 0.0,
    is_shared=True,
)
