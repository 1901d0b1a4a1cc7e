"""Any encoder of Hugging Face: the mean of its last states. A folder needs no network; a name is fetched once."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from handspun.errors import RetrieveError
from handspun.retrieve.embedder import Embedder
from handspun.retrieve.store import Vectors

TEXTS_AT_ONCE = 32
MAX_TOKENS = 512


class HfEmbedder(Embedder):
    """A transformers model with its tokenizer. Only safetensors are read, and no code that comes with them is run."""

    def __init__(self, model: str) -> None:
        try:
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            raise RetrieveError(f'embedder="hf:{model}" needs transformers: pip install "handspun[hf]".') from error
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(model)
            self.model = AutoModel.from_pretrained(model, use_safetensors=True).eval()
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise RetrieveError(f'embedder="hf:{model}" cannot be opened ({reason}); correct the name.') from error
        self.n_dims = self.model.config.hidden_size
        self.max_tokens = min(MAX_TOKENS, getattr(self.model.config, "max_position_embeddings", MAX_TOKENS))
        digest = sha256(model.encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode() + tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
        self.name = f"hf-{digest.hexdigest()[:16]}"

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], *, are_queries: bool = False) -> Vectors:
        del are_queries
        vectors = [np.empty((0, self.n_dims), np.float32)]
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            batch = list(texts[start : start + TEXTS_AT_ONCE])
            read = self.tokenizer(batch, padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt")
            states = self.model(**read).last_hidden_state.float() * read["attention_mask"][:, :, None]
            vectors.append(F.normalize(states.sum(1), dim=-1).numpy())
        return np.concatenate(vectors)

    def save(self, folder: Path) -> None:
        """Its weights are where they were opened."""
