"""Where and how torch runs: passive waiting, few threads, one seed, a GPU when there is one.

Import this before anything else that imports torch: OpenMP reads its wait policy once. On a machine shared with other
processes, spinning threads made a training step up to ten times slower than sleeping ones.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import time
from pathlib import Path

import torch


def prepare(seed: int, num_threads: int) -> torch.device:
    """Pin threads, seed torch, pick the device."""
    torch.set_num_threads(num_threads)
    torch.manual_seed(seed)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fast_matmul_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it faster than float32, else float32."""
    cpu_info = Path("/proc/cpuinfo")
    has_bfloat16_units = cpu_info.exists() and any(flag in cpu_info.read_text() for flag in ("avx512_bf16", "amx_bf16"))
    return torch.bfloat16 if device.type == "cuda" or has_bfloat16_units else torch.float32


class Clock:
    """Training time without interruptions, and what is due."""

    def __init__(self) -> None:
        self.start(0.0)

    def start(self, elapsed_seconds: float) -> None:
        """Count on from a time trained before."""
        self.base, self.started = elapsed_seconds, time.monotonic()
        self.marks = {"save": self.started, "report": self.started, "lap": self.started}

    def elapsed(self) -> float:
        """Seconds trained so far."""
        return self.base + time.monotonic() - self.started

    def is_due(self, name: str, period_seconds: float) -> bool:
        """True once per period."""
        if time.monotonic() - self.marks[name] < period_seconds:
            return False
        self.marks[name] = time.monotonic()
        return True

    def lap(self) -> float:
        """Seconds since the last call."""
        before, self.marks["lap"] = self.marks["lap"], time.monotonic()
        return self.marks["lap"] - before


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
