"""Token superposition: what a bag is, what is read once, and that its loss is what the paper says."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.checkpoint import load_checkpoint
from handspun.errors import CorpusError
from handspun.tokens.shards import ShardSet
from handspun.train.batches import Batches, Row, TextRows
from handspun.train.config import SuperpositionConfig
from handspun.train.loss import next_token_loss
from handspun.train.superposition import BagRows, LookaheadRows, Phases, RowsAfterBags, bag_places, text_rows
from handspun.train.trainer import Listeners
from tiny_run import byte_tokenizer, tiny_config, tiny_model, tiny_text, tiny_trainer

SEPARATOR = 0


class Documents(ShardSet):
    """Shards made of documents of given lengths; every token but the separator is its own place."""

    def __init__(self, lengths: list[int]) -> None:
        self.folder = Path("documents")
        self.ids = np.arange(sum(lengths))
        self.ids[np.cumsum([0, *lengths[:-1]])] = SEPARATOR

    @property
    def n_tokens(self) -> int:
        return len(self.ids)

    def tokens(self, start: int, stop: int) -> np.ndarray:
        assert 0 <= start <= stop <= len(self.ids)
        return self.ids[start:stop]


LENGTHS = st.lists(st.integers(1, 40), min_size=20, max_size=40)


def read_by(row: Row) -> set[int]:
    """The tokens from which a row learns to predict, separators left out."""
    counts = row.loss_mask[1:] if row.ids.ndim == 2 else slice(None)
    return set(row.inputs[counts].ravel().tolist()) - {SEPARATOR}


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12), st.integers(2, 7))
def test_bags_stay_inside_their_documents_and_leave_out_only_tails(lengths: list[int], bag: int) -> None:
    starts = np.isin(np.arange(sum(lengths)), np.cumsum([0, *lengths[:-1]]))
    places, owners = bag_places(starts, bag), np.cumsum(starts)
    assert (owners[places] == owners[places[:, :1]]).all()
    assert (np.diff(places, axis=1) == 1).all()
    assert len(places) == sum(length // bag for length in lengths)


@given(LENGTHS, st.integers(2, 4), st.integers(0, 5))
@settings(max_examples=50)
def test_nothing_is_read_as_a_bag_and_again_as_tokens(lengths: list[int], bag: int, seed: int) -> None:
    shards, seq_len = Documents(lengths), 8
    bags = BagRows(shards, seq_len, bag, seed, separator=SEPARATOR)
    n_taken = len(bags) // 2
    later = RowsAfterBags(bags, n_taken, 0, document_mask=False)
    superposed = [read_by(bags.row(index)) for index in range(n_taken)]
    plain = [read_by(later.row(index)) for index in range(n_taken, n_taken + len(later))]
    for phase in (superposed, plain):
        assert sum(map(len, phase)) == len(set().union(*phase))
    assert not set().union(*superposed) & set().union(*plain)


def test_a_row_of_bags_has_its_length_wherever_documents_end() -> None:
    bags = BagRows(Documents([3] * 40 + [50] * 4), 8, 4, 1, separator=SEPARATOR)
    rows = [bags.row(index) for index in range(len(bags))]
    assert {row.ids.shape for row in rows} == {(9, 4)}
    assert {int(row.loss_mask.all(1).sum()) for row in rows} > {0}
    assert all((row.loss_mask.all(1) == row.loss_mask.any(1)).all() for row in rows)


def test_a_lookahead_reads_tokens_and_predicts_what_follows_in_the_same_document() -> None:
    shards = Documents([20, 5, 30])
    text = TextRows(shards, 8, 1)
    row = LookaheadRows(text, 3, separator=SEPARATOR).row(0)
    plain = text.row(0)
    assert (row.inputs == plain.inputs).all()
    assert (row.ids[1:, 0] == plain.ids[1:]).all()
    assert row.loss_mask[:, 0].all()
    borders = [(t, k) for t in range(9) for k in (1, 2) if SEPARATOR in row.ids[t, 1 : k + 1]]
    assert all(not row.loss_mask[t, k] for t, k in borders)
    assert row.loss_mask.sum() == row.loss_mask.size - len(borders)


def test_a_lookahead_beyond_the_end_of_the_text_does_not_count() -> None:
    text = TextRows(Documents([17]), 8, 1)
    rows = LookaheadRows(text, 30, separator=SEPARATOR)
    assert not rows.row(0).loss_mask[:, -1].any()
    assert rows.row(0).ids.shape == (9, 30)


def test_a_text_too_short_to_be_read_once_is_refused_with_a_way_out(data: Path) -> None:
    config = tiny_config(superposition=SuperpositionConfig(bag=6, share=0.5), chat_share=0, train_tokens=10**6)
    with pytest.raises(CorpusError, match=r'add text, lower train.train_tokens, or set train.superposition.kind="output"'):
        text_rows(config, tiny_text(data), 1, end_of_text=byte_tokenizer().end_of_text)
    output = tiny_config(superposition=SuperpositionConfig(bag=6, share=0.5, kind="output"), chat_share=0, train_tokens=10**6)
    assert isinstance(text_rows(output, tiny_text(data), 1, end_of_text=byte_tokenizer().end_of_text), Phases)


def test_the_loss_of_a_bag_is_the_mean_cross_entropy_of_its_tokens_and_so_are_its_gradients() -> None:
    model, generator = tiny_model(copy_head=False), torch.Generator().manual_seed(1)
    ids = torch.randint(0, 200, (2, 7, 3), generator=generator)
    targets = torch.randint(0, 200, (2, 7, 3), generator=generator)
    targets[0, 2, 1] = targets[0, 2, 0]
    loss_mask = torch.rand(2, 7, 3, generator=generator) < 0.7
    loss_mask[1, 3] = False
    ours = next_token_loss(model, ids, targets, loss_mask)
    ours.backward()
    found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    log_probs = model.logits(model(ids)).log_softmax(-1).gather(2, targets)
    counted = loss_mask.any(-1)
    means = (log_probs * loss_mask).sum(-1)[counted] / loss_mask.sum(-1)[counted]
    direct = -means.sum()
    direct.backward()
    assert ours.item() == pytest.approx(direct.item(), rel=1e-5)
    for name, weight in model.named_parameters():
        torch.testing.assert_close(found[name], weight.grad, rtol=1e-4, atol=1e-5, msg=name)


def test_a_bag_is_read_as_the_mean_of_its_embeddings() -> None:
    model = tiny_model(copy_head=False)
    ids = torch.arange(24).view(1, 8, 3)
    expected = F.embedding(ids, model.embedding.weight).mean(2)
    torch.testing.assert_close(model.bags(ids), expected)


def test_a_bag_of_equal_tokens_is_that_token() -> None:
    model = tiny_model(copy_head=False)
    ids = torch.arange(10, 18)[None]
    torch.testing.assert_close(model(ids[:, :, None].repeat(1, 1, 4)), model(ids))


@pytest.mark.parametrize("kind", ["both", "output"])
def test_the_run_goes_over_to_tokens_at_its_step_and_resumes_on_either_side(data: Path, tmp_path: Path, kind: str) -> None:
    superposition = SuperpositionConfig(bag=2, share=0.3, kind=kind)
    config = tiny_config(superposition=superposition, chat_share=0, train_tokens=10 * 384, save_every=1)
    rows = text_rows(config, tiny_text(data), 1, end_of_text=byte_tokenizer().end_of_text)
    batches = Batches(config, rows, None)
    assert [batches.micro_batches(step)[0].bag for step in range(config.steps)] == [2] * 3 + [1] * 7

    def train(folder: Path, listeners: Listeners | None = None) -> bytes:
        trainer = tiny_trainer(folder, data, config, model=tiny_model(copy_head=False), batches=batches, listeners=listeners)
        return (trainer.run().folder / "model.safetensors").read_bytes()

    whole = train(tmp_path / "whole")
    for last in (2, 3, 4):

        def stop(report: object, last: int = last) -> None:
            if report.step == last:  # type: ignore[attr-defined]
                raise InterruptedError

        with pytest.raises(InterruptedError):
            train(tmp_path / str(last), Listeners(on_step=stop))
        assert train(tmp_path / str(last)) == whole
    assert load_checkpoint(tmp_path / "whole" / "00000010").facts["superposed"] is False


def test_text_tokens_counts_what_is_read(data: Path) -> None:
    config = tiny_config(superposition=SuperpositionConfig(bag=6, share=0.3), chat_share=0, train_tokens=10 * 384)
    assert config.text_tokens == (3 * 6 + 7) * 384
    assert tiny_config(train_tokens=10 * 384).text_tokens == 10 * 384
