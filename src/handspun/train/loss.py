"""Cross-entropy of the next token, computed a slice of rows at a time so that the logits never exist all at once.

The gradients are found in the same sweep as the loss (as in Liger Kernel, Hsu 2024): three matrix products instead of four,
and memory for one slice instead of tokens × vocabulary × 4 bytes, several times over.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from handspun.model.transformer import Transformer

SLICE_ELEMENTS = 1 << 21
"""Logits per slice: small enough to stay in the processor's cache between the steps of a softmax."""


def next_token_loss(
    model: Transformer,
    ids: Int[Tensor, "B T *R"],
    targets: Int[Tensor, "B T *S"],
    loss_mask: Bool[Tensor, "B T *S"],
    segments: Int[Tensor, "B T"] | None = None,
) -> Float[Tensor, ""]:
    """The sum over counted positions of -log p(target), in nats; where targets are bags, of its mean over a bag."""
    hidden = model(ids, segments=segments)
    if targets.ndim == 3:
        return bag_loss(hidden, model.head_weight, targets.flatten(0, 1), loss_mask.flatten(0, 1))
    counted = loss_mask.flatten().nonzero().squeeze(1)
    copied = gate = None
    if model.copy_head is not None:
        copied = model.copy_head.target_log_prob(hidden, ids, targets, segments).flatten()[counted]
        gate = model.copy_head.gate(hidden).flatten()[counted].float()
    return SlicedCrossEntropy.apply(  # type: ignore[no-any-return]
        hidden.flatten(0, 1).index_select(0, counted),
        model.head_weight,
        targets.flatten()[counted, None],
        None,
        copied,
        gate,
        torch.is_grad_enabled(),
    )


def bag_loss(
    hidden: Float[Tensor, "B T D"], head: Float[Tensor, "V D"], targets: Int[Tensor, "N S"], loss_mask: Bool[Tensor, "N S"]
) -> Float[Tensor, ""]:
    """The sum over positions of the mean of -log p over the counted tokens of a bag: one softmax serves the whole bag."""
    counted = loss_mask.any(-1).nonzero().squeeze(1)
    weights = loss_mask[counted].float()
    weights /= weights.sum(1, keepdim=True)
    rows = hidden.flatten(0, 1).index_select(0, counted)
    return SlicedCrossEntropy.apply(  # type: ignore[no-any-return]
        rows, head, targets[counted], weights, None, None, torch.is_grad_enabled()
    )


class SlicedCrossEntropy(torch.autograd.Function):
    """Sum of -log(g · softmax(h Wᵀ)[y] + (1 - g) · copied[y]) over rows; without a copy head, plain cross-entropy.

    Of several targets per row the logarithms are averaged with `weights`, whose rows sum to one.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Float[Tensor, "N D"],
        head: Float[Tensor, "V D"],
        targets: Int[Tensor, "N S"],
        weights: Float[Tensor, "N S"] | None,
        copied: Float[Tensor, " N"] | None,
        gate: Float[Tensor, " N"] | None,
        wants_grads: bool,
    ) -> Float[Tensor, ""]:
        weight = head.to(hidden.dtype)
        grad_hidden, grad_head = torch.zeros_like(hidden), torch.zeros_like(weight, dtype=torch.float32)
        log_prob = hidden.new_empty(len(targets), dtype=torch.float32)
        share = torch.ones_like(log_prob)
        n_rows = max(1, SLICE_ELEMENTS // len(weight))
        for start in range(0, len(targets), n_rows):
            part = slice(start, start + n_rows)
            logits = hidden[part] @ weight.T
            weight_of = None if weights is None else weights[part]
            log_prob[part], probs = log_prob_and_probs(logits, targets[part], weight_of)
            if copied is not None and gate is not None:
                log_prob[part], share[part] = mixed(log_prob[part], copied[part], gate[part])
            if wants_grads:
                pull = probs.new_full((len(probs), 1), -1) if weight_of is None else -weight_of
                probs.scatter_add_(1, targets[part], pull)
                slope = torch.mul(probs, share[part, None], out=logits)
                torch.mm(slope, weight, out=grad_hidden[part])
                grad_head += slope.T @ hidden[part]
        ctx.save_for_backward(grad_hidden, grad_head, share, gate)
        return -log_prob.sum()

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        grad_hidden, grad_head, share, gate = ctx.saved_tensors
        (scale,) = outer
        grad_copied = grad_gate = None
        if gate is not None:
            grad_copied = (share - 1) * scale
            grad_gate = (gate.sigmoid() - share) * scale
        return grad_hidden * scale, grad_head * scale, None, None, grad_copied, grad_gate, None


def log_prob_and_probs(
    logits: Float[Tensor, "N V"], targets: Int[Tensor, "N S"], weights: Float[Tensor, "N S"] | None
) -> tuple[Float[Tensor, " N"], Float[Tensor, "N V"]]:
    """Of each row the log-probability of its target, or their weighted mean, and the probability of every token; fp32."""
    wide = logits.float()
    probs = torch.softmax(wide, dim=-1)
    log_sum_exp = wide.amax(-1) - probs.amax(-1).log()  # no second pass of exponentials over the row
    aimed = wide.gather(1, targets)
    return (aimed.squeeze(1) if weights is None else (aimed * weights).sum(1)) - log_sum_exp, probs


def mixed(
    log_prob: Float[Tensor, " N"], copied: Float[Tensor, " N"], gate: Float[Tensor, " N"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """The log of g · p + (1 - g) · copied with g = sigmoid(gate), and the share of it that the first term has."""
    chosen = log_prob + F.logsigmoid(gate)
    mixture = torch.logaddexp(chosen, copied + F.logsigmoid(-gate))
    return mixture, (chosen - mixture).exp()
