"""How long a training takes: its FLOPs at the rate of the devices, and what sharing and offloading add."""

from handspun.model.cost import FP32_BYTES, flops_per_token
from handspun.planner.memory import Footprint, Mode

EFFICIENCY: dict[Mode, float] = {"single": 1.0, "ddp": 0.95, "fsdp": 0.85}
"""Share of its rate that a device is assumed to keep among others: gradients, and under FSDP weights, are on their way."""
HOST_BYTES_PER_S = 12e9
"""Assumed between a device and its host, per device: PCIe 4.0 with 16 lanes in practice."""
LOST_TOKENS = 64
"""Tokens that could be computed in the time that the weights of a forward are cast: 6 bytes of each at 1 TB/s."""
NOMINAL_FLOPS_PER_S = 50e12
"""Stands for a rate that is not known where only ratios matter."""
FORWARD_SHARE = 1 / 3
"""Of a step's FLOPs, what the forward takes: done again where activations are not kept."""


def hours(footprint: Footprint) -> float | None:
    """Hours of training steps; None where the rate of the devices is not known."""
    per_token = flops_per_token(footprint.model, footprint.vocab_size, footprint.train.seq_len)
    rate = footprint.devices.rate.flops_per_s(per_token)
    return None if rate is None else footprint.train.steps * step_seconds(footprint, rate) / 3600


def slowness(footprint: Footprint) -> float:
    """Seconds per step, with the tokens that small forwards lose: what a remedy is judged by."""
    per_token = flops_per_token(footprint.model, footprint.vocab_size, footprint.train.seq_len)
    rate = footprint.devices.rate.flops_per_s(per_token) or NOMINAL_FLOPS_PER_S
    return step_seconds(footprint, rate) * (1 + LOST_TOKENS / footprint.n_tokens)


def step_seconds(footprint: Footprint, flops_per_s: float) -> float:
    """One optimizer step of all devices together."""
    train, devices = footprint.train, footprint.devices
    per_token = flops_per_token(footprint.model, footprint.vocab_size, train.seq_len)
    recomputed = 1 + FORWARD_SHARE * footprint.n_recomputed / footprint.model.n_layers
    rate = flops_per_s * devices.count * EFFICIENCY[footprint.mode]
    return train.batch_tokens * per_token * recomputed / rate + moved_bytes(footprint) / HOST_BYTES_PER_S


def moved_bytes(footprint: Footprint) -> float:
    """Bytes between each device and its host in a step.

    The optimizer's state there and back; or the weights for every forward and every backward, and the gradients back.
    """
    if footprint.offloads("optimizer"):
        return 2 * footprint.state_bytes
    if footprint.offloads("all"):
        n_forwards = footprint.train.batch_tokens / footprint.n_tokens / footprint.devices.count
        return n_forwards * 3 * FP32_BYTES * footprint.n_params / footprint.n_shares
    return 0
