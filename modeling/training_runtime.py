"""Where and how torch runs: passive waiting, few threads, one seed, a GPU when there is one.

Import this before anything else that imports torch: OpenMP reads its wait policy once. On a machine shared with other
processes, spinning threads made a training step up to ten times slower than sleeping ones.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch


def prepare(seed: int, num_threads: int) -> torch.device:
    """Pin threads, seed torch, pick the device."""
    torch.set_num_threads(num_threads)
    torch.manual_seed(seed)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def get_random_state() -> dict[str, torch.Tensor]:
    """State of torch's generators, as uint8 tensors."""
    state = {"random.cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["random.cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, torch.Tensor]) -> None:
    """Inverse of get_random_state; a state of the other device is ignored."""
    torch.set_rng_state(state["random.cpu"])
    if torch.cuda.is_available() and "random.cuda" in state:
        torch.cuda.set_rng_state(state["random.cuda"])
