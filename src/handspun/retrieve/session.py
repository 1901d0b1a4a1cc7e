"""A conversation in which messages are looked up in an index before they are answered."""

from collections.abc import Iterator

from handspun.corpus.document import Message
from handspun.generate.request import Request
from handspun.generate.session import ChatSession
from handspun.retrieve.answer import Answer
from handspun.retrieve.answerer import Answerer
from handspun.retrieve.follow_up import is_about_the_model
from handspun.retrieve.searcher import Searcher


class ReadingSession:
    """Goes on with the conversation of `chat`, which may go on without it, too."""

    def __init__(self, chat: ChatSession, searcher: Searcher) -> None:
        engine = chat.engine
        self.chat, self.searcher = chat, searcher
        self.answerer = Answerer(searcher, engine.tokenizer, engine.max_seq_len, searcher.index.config)
        self.answer: Answer | None = None
        """the last one, with what it stands on; None where nothing was looked up for it"""

    def say(self, content: str) -> Iterator[str]:
        """Send one message and yield the reply as it comes; then `answer` says what it stands on. Raises PromptError.

        Passages are read for their own message only. "Who are you?" is not looked up, because no index knows. A reply that is
        not taken to its end leaves the conversation as it was.
        """
        chat, self.answer = self.chat, None
        if is_about_the_model(content):
            yield from chat.say(content)
            return
        prepared = self.answerer.prepare(content, chat.messages, max_new_tokens=chat.config.max_new_tokens)
        answer = self.answerer.unknown(prepared)
        said = ""
        if prepared.is_found:
            for piece in chat.engine.stream([Request(prepared.ids, chat.config)]):
                text = piece.text if said else piece.text.lstrip()
                said += text
                if text:
                    yield text
                if piece.finish_reason:
                    answer = self.answerer.conclude(prepared, piece.reply)
        else:
            yield answer.text
        self.answer = answer
        chat.n_forgotten = prepared.n_forgotten
        exchange = [Message("user", content), Message("assistant", answer.text)]
        chat.messages = [*chat.messages[prepared.n_forgotten :], *exchange]
