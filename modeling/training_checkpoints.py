"""One file that continues a killed run: weights, optimiser, random state, cursor.

Stage: training. Tensors and the JSON state live in one safetensors file (state in its header), written beside, fsynced
and renamed, so tensors and cursor can never disagree.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from modeling import training_runtime
from modeling.errors import FileCorrupt
from modeling.storage import write_durably

CHECKPOINT_FILE = "checkpoint.safetensors"


def save_checkpoint(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Replace the checkpoint at `path`."""
    plain = {name: tensor.detach().contiguous().cpu().clone() for name, tensor in tensors.items()}
    write_durably(path, save(plain, metadata={"state": json.dumps(state)}))


def load_checkpoint(path: Path, fingerprint: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and state, or None when there is none for this dataset and configuration; raises FileCorrupt."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            state: dict[str, Any] = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except SafetensorError as error:
        raise FileCorrupt("The checkpoint is damaged; delete it to start the run again.", path=str(path)) from error
    return (tensors, state) if state["fingerprint"] == fingerprint else None


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Moments and step counters by parameter position."""
    return {
        f"optimiser.{position}.{name}": value
        for position, moments in optimiser.state_dict()["state"].items()
        for name, value in moments.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Inverse of optimiser_tensors."""
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, position, moment = name.split(".")
            moments.setdefault(int(position), {})[moment] = value
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})


def take(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors whose name starts with `prefix.`, without it."""
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}


class Checkpointed:
    """What every trainer keeps, writes down and continues from: network, optimiser, best weights, cursor."""

    path: Path
    net: torch.nn.Module
    optimiser: torch.optim.Optimizer
    best: dict[str, Tensor]
    cursor: Any
    """A dataclass with the fingerprint of dataset and configuration."""

    def resume(self) -> None:
        """Continue from the checkpoint, if it belongs to this dataset and configuration."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        loaded = load_checkpoint(self.path, self.cursor.fingerprint)
        if loaded is None:
            return
        tensors, state = loaded
        self.cursor = type(self.cursor)(**state)
        self.net.load_state_dict(take(tensors, "net"))
        self.best = take(tensors, "best")
        restore_optimiser(self.optimiser, tensors)
        random_state = {name: value for name, value in tensors.items() if name.startswith("random.")}
        training_runtime.set_random_state(random_state)

    def copy_weights(self) -> dict[str, Tensor]:
        """The network's weights as they are now."""
        return {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}

    def save(self) -> None:
        """Write everything down in one file."""
        tensors = {f"net.{name}": tensor for name, tensor in self.net.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        tensors |= optimiser_tensors(self.optimiser) | training_runtime.get_random_state()
        save_checkpoint(self.path, tensors, asdict(self.cursor))
