"""A model version on disk: model.json + weights.safetensors, nothing executable.

Stage: training writes, prediction reads. Every file's SHA-256 is in model.json and checked at load; weights are mapped
into memory, not copied, so many tenants' models cost address space, not RAM.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from modeling.errors import FileCorrupt
from modeling.histories import Int64Array
from modeling.storage import hash_file, publishing, write_durably

MODEL_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"
FORMAT = 1
DTYPES = {
    "F32": np.float32,
    "F64": np.float64,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Artifact:
    """One model version: what it is, how good it was, and its arrays."""

    kind: str
    """Registry name, for example "item_knn"."""
    config: dict[str, Any]
    """What is needed to run it."""
    arrays: Arrays
    """Weights by name; "item_keys_N" holds the item order of recommenders."""
    dataset_version: str = ""
    """Hash of the dataset it learnt from."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Measured quality per stage, as plain numbers."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Anything else worth keeping (refit, epochs, seconds)."""

    def part(self, prefix: str) -> Artifact:
        """The artifact stored inside this one under `prefix` (a blend holds its members)."""
        arrays = {
            name.removeprefix(f"{prefix}."): a for name, a in self.arrays.items() if name.startswith(f"{prefix}.")
        }
        return Artifact(prefix, self.config[prefix], {"item_keys_N": self.arrays["item_keys_N"], **arrays})


def hash_keys(keys_N: Int64Array) -> str:
    """SHA-256 of an item order; two models with equal hashes rank the same ids in the same places."""
    return hashlib.sha256(np.ascontiguousarray(keys_N, np.int64).tobytes()).hexdigest()


def write_artifact(directory: Path, artifact: Artifact) -> None:
    """Publish one model version; `directory` appears whole or not at all."""
    arrays = {name: np.ascontiguousarray(array) for name, array in artifact.arrays.items()}
    with publishing(directory) as scratch:
        write_durably(scratch / WEIGHTS_FILE, save(arrays))
        description = {
            "format": FORMAT,
            "kind": artifact.kind,
            "config": artifact.config,
            "dataset_version": artifact.dataset_version,
            "item_order_sha256": hash_keys(arrays["item_keys_N"]) if "item_keys_N" in arrays else "",
            "metrics": artifact.metrics,
            "notes": artifact.notes,
            "files": {WEIGHTS_FILE: hash_file(scratch / WEIGHTS_FILE)},
        }
        write_durably(scratch / MODEL_FILE, json.dumps(description, indent=2, sort_keys=True).encode())


def read_description(directory: Path) -> dict[str, Any]:
    """model.json as a dict, weights untouched."""
    description: dict[str, Any] = json.loads((directory / MODEL_FILE).read_text())
    return description


def load_artifact(directory: Path) -> Artifact:
    """Open a model version with mapped weights; raises FileCorrupt when a file does not match its checksum."""
    description = read_description(directory)
    for name, expected in description["files"].items():
        if hash_file(directory / name) != expected:
            raise FileCorrupt("%(file)s does not match its checksum; train or restore this version again.", file=name)
    return Artifact(
        kind=description["kind"],
        config=description["config"],
        arrays=map_tensors(directory / WEIGHTS_FILE),
        dataset_version=description["dataset_version"],
        metrics=description["metrics"],
        notes=description["notes"],
    )


def map_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read-only views into a safetensors file (8-byte header length, JSON header, raw little-endian data)."""
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        if header_bytes > os.fstat(file.fileno()).st_size:
            raise FileCorrupt("%(file)s is not a safetensors file.", file=path.name)
        header = json.loads(file.read(header_bytes))
    data = np.memmap(path, np.uint8, "r", offset=8 + header_bytes)
    tensors: dict[str, NDArray[Any]] = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            tensors[name] = np.asarray(data[start:end]).view(DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors
