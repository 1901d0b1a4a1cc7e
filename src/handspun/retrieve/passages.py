"""Which hits are put before the model, and how much of each: what is cut or left out is said."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from handspun.corpus.document import Message
from handspun.retrieve.chunk import Hit
from handspun.retrieve.sentences import Span, sentences
from handspun.retrieve.telling import rarity, share_said
from handspun.tokens.chat import N_FRAME
from handspun.tokens.tokenizer import Tokenizer

WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Sent:
    """What was put before the model of one hit: `text`, which is characters `start` to `end` of its stored document."""

    hit: Hit
    text: str
    n_tokens: int
    """of the message, control tokens included"""
    is_cut: bool
    """whether the chunk says more than that"""
    start: int
    end: int

    @property
    def message(self) -> Message:
        """The passage as the model reads it."""
        return Message("passage", shown(self.hit, self.text))

    @property
    def n_before(self) -> int:
        """Characters of the message before `text`."""
        return len(self.message.content) - len(self.text)


def shown(hit: Hit, text: str) -> str:
    """The text of a hit below the headings it stands under."""
    return f"{hit.chunk.heading}\n{text}" if hit.chunk.heading else text


def pack(
    hits: Sequence[Hit], query: str, tokenizer: Tokenizer, *, n_passages: int, passage_tokens: int
) -> tuple[tuple[Sent, ...], int]:
    """The best hits within `passage_tokens`, best first, and how many of the `n_passages` best were left out.

    Each has an equal share of the room, and of what others do not need of theirs. Of one that does not fit, the sentences
    that say most of the query are sent; the best one has all the room where nothing of it fits into its share.
    """
    sent: list[Sent] = []
    room, wanted, weights = passage_tokens, hits[:n_passages], rarity(query, hits)
    needs = [len(tokenizer.encode(shown(hit, hit.chunk.text))) + N_FRAME for hit in wanted]
    for number, hit in enumerate(wanted):
        parts = sentences(hit.chunk.text)
        fitting = cut(hit, parts, weights, tokenizer, equal_share(needs[number:], room))
        if not fitting and number == 0:
            by_word = [word.span() for word in WORD.finditer(hit.chunk.text)]
            fitting = cut(hit, parts, weights, tokenizer, room) or cut(hit, by_word, weights, tokenizer, room)
        if fitting:
            sent.append(fitting)
            room -= fitting.n_tokens
    if 0 < len(sent) < len(wanted):  # the room of those that are left out is for the others
        sent = list(pack([one.hit for one in sent], query, tokenizer, n_passages=len(sent), passage_tokens=passage_tokens)[0])
    return tuple(sent), len(wanted) - len(sent)


def equal_share(needs: Sequence[int], room: int) -> int:
    """The most that each may have where all may have the same, and what some do not need goes to the others."""
    for place, need in enumerate(sorted(needs)):
        share = room // (len(needs) - place)
        if need > share:
            return share
        room -= need
    return max(needs)


def cut(hit: Hit, spans: Sequence[Span], weights: dict[str, float], tokenizer: Tokenizer, room: int) -> Sent | None:
    """The spans of a hit that say most and have room, as one stretch; None where not one has."""
    text = hit.chunk.text

    def n_tokens(start: int, end: int) -> int:
        return len(tokenizer.encode(shown(hit, text[start:end]))) + N_FRAME

    frame = n_tokens(0, 0)
    counts = [len(ids) for ids in tokenizer.encode_batch([text[max(0, start - 1) : end] for start, end in spans])]
    first, behind = best_run(spans, counts, room - frame + 1, hit, weights)  # the space before the first is counted, not sent
    while first < behind and n_tokens(spans[first][0], spans[behind - 1][1]) > room:
        behind -= 1
    if first == behind:
        return None
    start, end = spans[first][0], spans[behind - 1][1]
    is_cut = behind - first < len(spans)
    return Sent(hit, text[start:end], n_tokens(start, end), is_cut, hit.chunk.start + start, hit.chunk.start + end)


def best_run(spans: Sequence[Span], counts: Sequence[int], room: int, hit: Hit, weights: dict[str, float]) -> tuple[int, int]:
    """The first of the spans to send, and the one behind the last: of the runs that say most of the query the one in the
    middle, so that what stands before and behind those words is seen, too; the first where none says any of it.
    """
    runs = longest_runs(counts, room)
    said = [share_said(hit.chunk.text[spans[first][0] : spans[behind - 1][1]], weights) for first, behind in runs]
    if not any(said):
        return runs[0] if runs else (0, 0)
    best = [run for run, share in zip(runs, said) if share == max(said)]
    return best[len(best) // 2]


def longest_runs(counts: Sequence[int], room: int) -> list[tuple[int, int]]:
    """The runs of parts within `room` that no part beside them could join: the first of each, and the one behind its last."""
    runs: list[tuple[int, int]] = []
    first = total = 0
    for place, count in enumerate(counts):
        total += count
        while total > room and first <= place:
            total -= counts[first]
            first += 1
        if first <= place:
            if runs and runs[-1][0] == first:
                runs.pop()
            runs.append((first, place + 1))
    return runs
