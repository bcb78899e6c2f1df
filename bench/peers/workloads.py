"""The workloads of ../workloads.json as PyTorch networks. What has been exported of them is read without PyTorch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LEARNING_RATE = 0.001
EPSILON = 1e-8
"""Beside the corrected root, as PyTorch has it."""


def specifications() -> dict[str, dict[str, Any]]:
    found = json.loads((Path(__file__).parent.parent / "workloads.json").read_text())
    return {one["name"]: one for one in found}


def build(network: dict[str, Any]) -> Any:
    """A PyTorch network; its weights are drawn here."""
    import networks

    match network["kind"]:
        case "mlp":
            return networks.mlp(*network["sizes"])
        case "lenet":
            return networks.LeNet()
        case "resnet20":
            return networks.ResNet20(10)
        case "resnet18":
            return networks.ResNet18ImageNet(10)
        case "mobilenet":
            return networks.MobileNet(10)
        case "gpt2":
            return networks.Gpt2(128, vocabulary=1000, width=256, blocks=4, heads=4)
        case "bert":
            return networks.BertClassifier(1000, 128, 2, width=256, blocks=4, heads=4)
        case "lstm":
            return networks.LstmLastState(32, 128, 10)
    raise ValueError(f"no network of kind {network['kind']}")


@dataclass(frozen=True)
class Exported:
    """Of a workload in the cache: initial weights and all batches, the first axis being the example."""

    weights: dict[str, np.ndarray]
    inputs: np.ndarray
    targets: np.ndarray


def load(folder: Path, name: str) -> Exported:
    specification = specifications()[name]
    manifest = json.loads((folder / f"{name}.json").read_text())
    flat = np.fromfile(folder / f"{name}.weights.bin", np.float32)
    sizes = [int(np.prod(one["shape"])) for one in manifest["weights"]]
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    weights = {one["name"]: part.reshape(one["shape"]) for one, part in zip(manifest["weights"], parts)}
    given, wanted = specification["input"], specification["target"]
    inputs = np.fromfile(folder / f"{name}.input.bin", np.int64 if "limit" in given else np.float32)
    targets = np.fromfile(folder / f"{name}.target.bin", np.int64 if "classes" in wanted else np.float32)
    return Exported(weights, inputs.reshape(-1, *given["shape"]), targets.reshape(-1, *wanted["shape"]))
