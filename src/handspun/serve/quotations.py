"""What a reply has quoted from the messages, where the model has a copy head: an extra of both protocols."""

from collections.abc import Sequence
from functools import cached_property

from handspun.generate.request import Token
from handspun.serve.prompt import Prompt
from handspun.serve.wire import Wire
from handspun.tokens.place import Place, places
from handspun.tokens.tokenizer import Tokenizer


class Quotation(Wire):
    """A text of the reply, and where it was quoted from: characters `start` to `end` of that message, counted from 0."""

    text: str
    message: int
    start: int
    end: int


class Quotations:
    """Finds the quotations of a reply to `prompt`."""

    def __init__(self, tokenizer: Tokenizer, prompt: Prompt) -> None:
        self.tokenizer, self.prompt = tokenizer, prompt

    @cached_property
    def places(self) -> list[Place | None]:
        """Where each token of the prompt stands."""
        return places(self.tokenizer, self.prompt.ids)

    def among(self, tokens: Sequence[Token]) -> list[Quotation]:
        """What these tokens have quoted; neighbors that were neighbors there, too, are one quotation."""
        found: list[Quotation] = []
        was_quoted = False
        for token in tokens:
            quotation = self.of(token)
            if quotation and was_quoted and (found[-1].message, found[-1].end) == (quotation.message, quotation.start):
                found[-1] = found[-1].model_copy(update={"text": found[-1].text + quotation.text, "end": quotation.end})
            elif quotation:
                found.append(quotation)
            was_quoted = quotation is not None
        return found

    def of(self, token: Token) -> Quotation | None:
        """What one token has quoted; None where it is its own, and where no message that was sent is the source."""
        if token.copied_from is None or not self.prompt.numbers:
            return None
        place = self.places[token.copied_from]
        number = self.prompt.numbers[place.message] if place else None
        if place is None or number is None:
            return None
        return Quotation(text=token.text, message=number, start=place.start, end=place.end)
