"""A look into one batch: its text, and which of it is learnt from."""

from collections.abc import Iterator

from handspun.recipe import Recipe, load_recipe
from handspun.runs import Run
from handspun.stages.tokenize import chat_shards, text_shards, tokenizer_folder
from handspun.stages.train import pretraining_batches
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.batches import Batches, Row
from handspun.tune.instruct import tuning_batches


def marked_rows(run: Run, step: int, *, pretraining: bool, n_rows: int) -> Iterator[list[tuple[str, bool]]]:
    """The first rows of a step as stretches of text, each learnt from or not."""
    recipe = load_recipe(str(run.path))
    tokenizer = Tokenizer.load(tokenizer_folder(run))
    batches = batches_of(recipe, run, tokenizer, pretraining=pretraining)
    first = step * batches.config.batch_rows
    for index in range(first, first + min(n_rows, batches.config.batch_rows)):
        yield list(stretches(batches.row(index), tokenizer))


def batches_of(recipe: Recipe, run: Run, tokenizer: Tokenizer, *, pretraining: bool) -> Batches:
    """The batches of the tuning where there is one, else of the pretraining."""
    if recipe.tune is None or pretraining:
        return pretraining_batches(recipe, run, tokenizer)
    sets = {"chats": chat_shards(run), "text": text_shards(run)}
    return tuning_batches(recipe.tune, recipe.train, **sets, tokenizer=tokenizer, seed=recipe.seed + 1)[1]


def stretches(row: Row, tokenizer: Tokenizer) -> Iterator[tuple[str, bool]]:
    """The text of a row, cut where learning starts and stops; padding is left out."""
    flat, loss_mask = row.flat()
    ids = [int(id) for id in flat if id != tokenizer.pad]
    start = 0
    for end in range(1, len(ids) + 1):
        if end == len(ids) or loss_mask[end] != loss_mask[start]:
            yield "".join(tokenizer.spelled(id) for id in ids[start:end]), bool(loss_mask[start])
            start = end
