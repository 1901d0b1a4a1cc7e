"""The messages of OpenAI's protocol."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from handspun.serve.findings import Findings
from handspun.serve.logprobs import Logprob
from handspun.serve.ollama_wire import Name
from handspun.serve.options import MAX_TOKENS, Sampling
from handspun.serve.quotations import Quotation
from handspun.serve.wire import (
    MAX_INPUTS,
    MAX_LIKELIEST,
    MAX_MESSAGES,
    MAX_REPLIES,
    Absent,
    Ignored,
    IndexName,
    Keeping,
    Never,
    NoTools,
    Wire,
    only,
)

Count = Annotated[int, Field(ge=1, le=MAX_TOKENS)]


class TextPart(Wire):
    """A part of a message."""

    model_config = ConfigDict(extra="ignore")

    type: Annotated[Literal["text"], only(("text",), "no model here sees images or hears; send text only")]
    text: str


class ChatMessage(Wire):
    """One message. What clients hang on it besides, such as what an earlier answer held, is passed over."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "passage", "user", "assistant"]
    """developer: the newer word for system; passage: a text to read before the user's message"""
    content: str | Annotated[list[TextPart], Field(max_length=MAX_MESSAGES)] | None = None
    tool_calls: NoTools = None

    @property
    def text(self) -> str:
        """All of its content."""
        return "".join(part.text for part in self.content) if isinstance(self.content, list) else self.content or ""


class Text(Wire):
    """Any text."""

    type: Literal["text"]


class JSONObject(Wire):
    """Any JSON object."""

    type: Literal["json_object"]


class JSONSchema(Wire):
    """A schema with a name."""

    name: str
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    description: str | None = None
    strict: bool | None = None


class JSONOfSchema(Wire):
    """JSON that fits a schema."""

    type: Literal["json_schema"]
    json_schema: JSONSchema


class StreamOptions(Wire):
    """What a stream holds besides."""

    include_usage: bool | None = None
    include_obfuscation: Ignored = None


class Spoken(Sampling, Keeping):
    """What chat completions and completions have in common.

    Not OpenAI's: top_k, min_p, repeat_penalty, repeat_last_n, num_ctx, keep_alive and truncate, which mean what Ollama means.
    """

    model: Name
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=MAX_REPLIES)] | None = None
    """replies; their seeds follow one another"""
    max_tokens: Count | None = None
    truncate: bool | None = None
    """leave out what is oldest where a prompt is too long, instead of refusing it; the answer says how much"""
    logit_bias: Annotated[
        Annotated[dict[str, Any], Field(max_length=0)] | None, only((None, {}), "this is not supported; leave it out")
    ] = None
    user: Ignored = None
    metadata: Ignored = None
    store: Ignored = None
    service_tier: Ignored = None
    safety_identifier: Ignored = None
    prompt_cache_key: Ignored = None
    prompt_cache_retention: Ignored = None


class ChatRequest(Spoken):
    """POST /v1/chat/completions."""

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    index: IndexName | None = None
    """the index to answer through; not OpenAI's"""
    max_completion_tokens: Count | None = None
    """the newer name of max_tokens; the smaller one counts"""
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_LIKELIEST)] | None = None
    response_format: Annotated[Text | JSONObject | JSONOfSchema, Field(discriminator="type")] | None = None
    tools: NoTools = None
    functions: NoTools = None
    tool_choice: Annotated[
        Literal["none", "auto"] | None, only((None, "none", "auto"), "no model here can call tools; leave it out")
    ] = None
    function_call: Annotated[
        Literal["none", "auto"] | None, only((None, "none", "auto"), "no model here can call tools; leave it out")
    ] = None
    parallel_tool_calls: Ignored = None
    modalities: Annotated[
        Annotated[list[Literal["text"]], Field(min_length=1, max_length=1)] | None,
        only((None, ["text"]), "no model here speaks; ask for text only"),
    ] = None
    audio: Absent = None
    prediction: Absent = None
    web_search_options: Absent = None
    moderation: Absent = None
    reasoning_effort: Ignored = None
    verbosity: Ignored = None


class CompletionRequest(Spoken):
    """POST /v1/completions."""

    prompt: (
        Annotated[str, Field(min_length=1)]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=MAX_REPLIES)]
    )
    logprobs: Annotated[int, Field(ge=0, le=MAX_LIKELIEST)] | None = None
    echo: Never = None
    best_of: Annotated[
        Annotated[int, Field(ge=1, le=1)] | None, only((None, 1), "only 1 is supported; ask for n replies and choose")
    ] = None
    suffix: Annotated[Literal[""] | None, only((None, ""), "no model here fills a gap; leave it out")] = None


class EmbeddingsRequest(Keeping):
    """POST /v1/embeddings."""

    model: Name
    input: (
        Annotated[str, Field(min_length=1)]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=MAX_INPUTS)]
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None = None
    truncate: bool | None = None
    """read only the beginning of a text that is too long, instead of refusing it; the answer says how much"""
    user: Ignored = None


class Usage(Wire):
    """What a request took."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ReplyMessage(Wire):
    """A whole reply."""

    role: Literal["assistant"]
    content: str
    refusal: None


class Delta(Wire):
    """What a chunk adds to a reply."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChatLogprobs(Wire):
    """How likely the tokens were."""

    content: list[Logprob]
    refusal: None


FinishReason = Literal["stop", "length"]


class Choice(Wire):
    """What replies and parts of them have in common."""

    index: int
    finish_reason: FinishReason | None
    copied_from: list[Quotation] | None = None
    """what was quoted from the messages, where the model has a copy head"""


class ChatChoice(Findings, Choice):
    """One of the replies."""

    message: ReplyMessage
    logprobs: ChatLogprobs | None


class ChatChunkChoice(Findings, Choice):
    """A part of one of the replies."""

    delta: Delta
    logprobs: ChatLogprobs | None


class CompletionLogprobs(Wire):
    """How likely the tokens were; `text_offset` is where each begins in the text, in characters."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class CompletionChoice(Choice):
    """One of the replies, or a part of it."""

    text: str
    logprobs: CompletionLogprobs | None


class Answered(Wire):
    """What all answers and chunks have in common."""

    id: str
    created: int
    model: str
    system_fingerprint: str
    usage: Usage | None = None
    truncated_tokens: int | None = None
    """tokens of the prompt that were left out because there was no room for them"""


class ChatCompletion(Answered):
    """The answer of /v1/chat/completions."""

    object: Literal["chat.completion"]
    choices: list[ChatChoice]


class ChatChunk(Answered):
    """A chunk of it."""

    object: Literal["chat.completion.chunk"]
    choices: list[ChatChunkChoice]


class Completion(Answered):
    """The answer of /v1/completions, or a chunk of it."""

    object: Literal["text_completion"]
    choices: list[CompletionChoice]


class Embedding(Wire):
    """A vector, as numbers or as their float32 bytes in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(Wire):
    """What a request for embeddings took."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(Wire):
    """The answer of /v1/embeddings."""

    object: Literal["list"]
    model: str
    data: list[Embedding]
    usage: EmbeddingsUsage
    truncated_tokens: int | None = None


class Model(Wire):
    """A model there is."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(Wire):
    """The answer of /v1/models."""

    object: Literal["list"]
    data: list[Model]


class OpenAIErrorBody(Wire):
    """What went wrong, and with which parameter."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(Wire):
    """An error."""

    error: OpenAIErrorBody
