"""Peak memory of training in PyTorch: VmHWM, what the kernel says of a process that does nothing else.

    python bench/peers/memory.py                      # every network
    python bench/peers/memory.py mlp-wide --export FOLDER    # one, and the ONNX files to train elsewhere

Adam, float32, batches of random numbers made once. Every network is trained in a process of its own, and the peak is taken after PyTorch is
imported, after the network and its batch are made, after one step and at the end: the peak does not grow any more when the last two are equal.

Made with torch==2.13.0 (CPU), Python 3.11.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """`build` and `batch` import what they need: the parent process must not."""

    build: Callable[[Any], Any]
    batch: Callable[[Any], tuple[Any, Any]]
    loss: str
    steps: int
    input: str = "x"


def regression(torch: Any) -> tuple[Any, Any]:
    return torch.randn(128, 8), torch.randn(128, 1)


def flat_images(torch: Any) -> tuple[Any, Any]:
    return torch.randn(128, 784), torch.randint(10, (128,))


def images(torch: Any) -> tuple[Any, Any]:
    return torch.randn(32, 3, 32, 32), torch.randint(10, (32,))


def tokens(batch: int, length: int) -> Callable[[Any], tuple[Any, Any]]:
    return lambda torch: (torch.randint(50257, (batch, length)), torch.randint(50257, (batch, length)))


CASES = {
    "mlp-small": Case(lambda networks: networks.mlp(8, 64, 32, 1), regression, "mse", 500),
    "mlp-wide": Case(lambda networks: networks.mlp(784, 1024, 1024, 10), flat_images, "cross-entropy", 50),
    "resnet18-32": Case(lambda networks: networks.ResNet18(), images, "cross-entropy", 6),
    "gpt2-small": Case(lambda networks: networks.Gpt2(128), tokens(2, 128), "cross-entropy", 4, "input_ids"),
}


def peak_megabytes() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def measure(name: str) -> dict[str, float]:
    """Of this process."""
    import torch
    import torch.nn.functional as F

    imported = peak_megabytes()
    import networks

    case = CASES[name]
    torch.manual_seed(0)
    model = case.build(networks)
    x, y = case.batch(torch)
    built = peak_megabytes()
    optimizer = torch.optim.Adam(model.parameters())
    first = 0.0
    start = time.perf_counter()
    for step in range(case.steps):
        optimizer.zero_grad()
        output = model(x)
        loss = F.mse_loss(output, y) if case.loss == "mse" else F.cross_entropy(output.flatten(0, -2), y.flatten())
        loss.backward()
        optimizer.step()
        if step == 0:
            first = peak_megabytes()
            start = time.perf_counter()
    seconds = (time.perf_counter() - start) / (case.steps - 1)
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "threads": torch.get_num_threads(),
        "imported": imported,
        "built": built,
        "firstStep": first,
        "peak": peak_megabytes(),
        "milliseconds": 1000 * seconds,
    }


def export(name: str, folder: Path) -> None:
    """The network with a symbolic batch. No constant folding: batch normalization stays a node of its own, and tied weights one tensor."""
    import networks
    import torch

    case = CASES[name]
    torch.manual_seed(0)
    model = case.build(networks)
    normalized = any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    folder.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model.train(normalized),
        (case.batch(torch)[0],),
        folder / f"{name}.onnx",
        input_names=[case.input],
        output_names=["y"],
        dynamic_axes={case.input: {0: "batch"}, "y": {0: "batch"}},
        dynamo=False,
        opset_version=17,
        training=torch.onnx.TrainingMode.TRAINING if normalized else torch.onnx.TrainingMode.EVAL,
        do_constant_folding=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", choices=[*CASES, []])
    parser.add_argument("--here", action="store_true", help="measure in this process, and print JSON")
    parser.add_argument("--export", type=Path, help="write the ONNX files to this folder instead")
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(measure(arguments.names[0])))
        return
    if not arguments.export:
        print(f"{'peak RSS in MB':14} {'parameters':>12} {'imported':>9} {'built':>9} {'one step':>9} {'peak':>9} {'ms/step':>9}")
    for name in arguments.names or CASES:
        if arguments.export:
            export(name, arguments.export)
            continue
        output = subprocess.run([sys.executable, __file__, name, "--here"], check=True, capture_output=True, text=True, env=os.environ).stdout
        found = json.loads(output)
        sizes = " ".join(f"{found[key]:9.0f}" for key in ("imported", "built", "firstStep", "peak"))
        print(f"{name:14} {found['parameters']:12,} {sizes} {found['milliseconds']:9.2f}", flush=True)


if __name__ == "__main__":
    main()
