"""A recipe small enough to be made in a second or two: a few texts, a few conversations, a small model."""

import json
from pathlib import Path

THINGS = ["shard", "document", "token", "chunk", "prompt", "reply", "corpus", "passage", "batch", "layer", "head", "step"]
JOBS = ["holds words", "is read in order", "has a name", "comes before the next one", "may be long", "costs little"]

RECIPE = """
name = "tiny"
[corpus]
sources = [{texts}]
conversations = [{chats}]
val_share = 0.2
[tokens]
vocab_size = 300
[model]
d_model = 32
n_layers = 2
n_heads = 2
max_seq_len = 128
copy_head = true
[train]
train_tokens = 3072
seq_len = 64
micro_batch = 4
batch_tokens = 256
chat_share = 0.5
warmup_steps = 2
eval_every = 4
sample_every = 4
save_every = 4
sample_prompts = ["What is a shard?"]
compute_dtype = "float32"
[tune]
train_tokens = 1024
warmup_steps = 1
[generate]
max_new_tokens = 12
"""


def write_tiny_recipe(folder: Path) -> Path:
    """The recipe in `folder`, with its texts beside it."""
    texts, chats = folder / "texts.jsonl", folder / "chats.jsonl"
    sentences = [
        f"A {thing} {job}, and a {other} {JOBS[-place]}."
        for place, job in enumerate(JOBS)
        for thing in THINGS
        for other in THINGS[:3]
    ]
    documents = [" ".join(sentences[start::24]) for start in range(24)]
    texts.write_text(
        "".join(json.dumps({"text": text, "id": f"text {number}"}) + "\n" for number, text in enumerate(documents))
    )
    dialogues = [
        [
            {"role": "passage", "content": f"A {thing} {job}."},
            {"role": "user", "content": f"What is a {thing}?"},
            {"role": "assistant", "content": f"It {job}."},
        ]
        for thing in THINGS
        for job in JOBS[:2]
    ]
    chats.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in dialogues))
    recipe = folder / "tiny.toml"
    recipe.write_text(RECIPE.format(texts=json.dumps(str(texts)), chats=json.dumps(str(chats))))
    return recipe
