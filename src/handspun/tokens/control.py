"""The control tokens: marks that only the program places, and that no text of a user can spell."""

END_OF_TEXT = "<|endoftext|>"
"""stands between documents and opens a conversation"""
END_OF_TURN = "<|end|>"
PAD = "<|pad|>"
UNKNOWN = "[UNK]"
"""a character that an uncased vocabulary does not hold"""

CONTROL_TOKENS = (END_OF_TEXT, "<|system|>", "<|passage|>", "<|user|>", "<|assistant|>", END_OF_TURN, PAD)

CHAT_TEMPLATE = (
    "{{ '<|endoftext|>' }}"
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""what `chat.render` does, as the Jinja template that transformers and llama.cpp read"""


def control_names(profile: str) -> tuple[str, ...]:
    """The control tokens of a profile, in the order of their ids."""
    return (*CONTROL_TOKENS, UNKNOWN) if profile == "uncased" else CONTROL_TOKENS


def role_name(role: str) -> str:
    """The control token that opens a message of `role`."""
    return f"<|{role}|>"
