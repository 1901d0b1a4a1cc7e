"""A look into a batch shows its text, and marks what is learnt from."""

from pathlib import Path

from handspun.runs import Run
from handspun.stages.batch import marked_rows


def test_of_a_tuning_batch_the_replies_are_marked_and_their_end(finished_run: Path) -> None:
    rows = list(marked_rows(Run(finished_run), 0, pretraining=False, n_rows=4))
    assert len(rows) == 4
    chats = [row for row in rows if "<|user|>" in "".join(text for text, _ in row)]
    assert chats
    for row in chats:
        for text, is_learnt in row:
            if is_learnt:
                assert text.endswith("<|end|>") and "<|user|>" not in text
            else:
                assert text.startswith("<|endoftext|>") and text.endswith("<|assistant|>")


def test_of_a_pretraining_batch_everything_is_marked_but_what_comes_first(finished_run: Path) -> None:
    rows = list(marked_rows(Run(finished_run), 1, pretraining=True, n_rows=2))
    assert len(rows) == 2
    for row in rows:
        n_chars = {learnt: sum(len(text) for text, is_learnt in row if is_learnt == learnt) for learnt in (True, False)}
        assert n_chars[True] > n_chars[False]
        assert "<|pad|>" not in "".join(text for text, _ in row)


def test_no_more_rows_are_shown_than_the_step_has(finished_run: Path) -> None:
    assert len(list(marked_rows(Run(finished_run), 0, pretraining=True, n_rows=99))) == 4
