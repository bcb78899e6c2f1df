"""Writes what all peers train: each network as ONNX with its initial weights, and its batches.

    python bench/peers/export.py FOLDER KEY NAME...

NAME.onnx by torch.onnx.export (dynamo=False, opset 17, symbolic batch; batch normalization in training mode), NAME.weights.bin, NAME.input.bin and
NAME.target.bin (raw, little-endian), and last NAME.json: KEY, names and shapes of the weights, and the FLOPs of a step, forward and backward, of
matrix products, convolutions and LSTMs, counted from the shapes. What needs no gradient, such as the network's input, counts none.

Made with torch==2.13.0 (CPU), onnx==1.23.2, Python 3.11.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from workloads import build, specifications


def loss_of(name: str, output: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(output, target) if name == "mse" else F.cross_entropy(output.flatten(0, -2), target.flatten())


def random_batches(specification: dict[str, Any]) -> tuple[Tensor, Tensor]:
    examples = specification["batch"] * specification["batches"]
    given, wanted = specification["input"], specification["target"]
    shape = (examples, *given["shape"])
    inputs = torch.randint(given["limit"], shape) if "limit" in given else torch.randn(shape)
    shape = (examples, *wanted["shape"])
    return inputs, torch.randint(wanted["classes"], shape) if "classes" in wanted else torch.randn(shape)


def module_flops(model: nn.Module, inputs: Tensor) -> int:
    """Of convolutions (the counter takes grouped ones for whole in the backward pass) and LSTMs (it does not know them)."""
    total = 0

    def convolution(module: nn.Conv2d, given: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        forward = 2 * output.numel() * module.weight[0].numel()
        total += forward * (3 if given[0].requires_grad else 2)

    def lstm(module: nn.LSTM, given: tuple[Tensor, ...], _: object) -> None:
        nonlocal total
        gates = 2 * given[0].shape[0] * given[0].shape[1] * 4 * module.hidden_size
        total += gates * ((3 if given[0].requires_grad else 2) * module.input_size + 3 * module.hidden_size)

    hooks = {nn.Conv2d: convolution, nn.LSTM: lstm}
    handles = [module.register_forward_hook(hooks[type(module)]) for module in model.modules() if type(module) in hooks]
    model(inputs)
    for handle in handles:
        handle.remove()
    return total


def step_flops(model: nn.Module, specification: dict[str, Any], inputs: Tensor, targets: Tensor) -> int:
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        loss_of(specification["loss"], model(inputs), targets).backward()
    products = counter.get_flop_counts()["Global"]
    return sum(count for operator, count in products.items() if "convolution" not in str(operator)) + module_flops(model, inputs)


def export(name: str, key: str, folder: Path) -> None:
    specification = specifications()[name]
    torch.manual_seed(0)
    model = build(specification["network"])
    inputs, targets = random_batches(specification)
    weights = {key: value.clone() for key, value in model.state_dict().items() if value.is_floating_point()}
    given = specification["input"]["name"]
    batch = specification["batch"]
    torch.onnx.export(
        model.train(),
        (inputs[:batch],),
        folder / f"{name}.onnx",
        input_names=[given],
        output_names=["output"],
        dynamic_axes={given: {0: "batch"}, "output": {0: "batch"}},
        dynamo=False,
        opset_version=17,
        # Otherwise parameters that are equal at the start would be exported as one.
        training=torch.onnx.TrainingMode.TRAINING,
        do_constant_folding=False,
    )
    # Tracing in training mode moves running statistics; the file has those of before.
    np.concatenate([value.numpy().ravel() for value in weights.values()]).tofile(folder / f"{name}.weights.bin")
    inputs.numpy().tofile(folder / f"{name}.input.bin")
    targets.numpy().tofile(folder / f"{name}.target.bin")
    manifest = {
        "key": key,
        "weights": [{"name": name, "shape": list(value.shape)} for name, value in weights.items()],
        "parameters": sum(math.prod(parameter.shape) for parameter in model.parameters()),
        "flops": step_flops(model.train(), specification, inputs[:batch], targets[:batch]),
    }
    (folder / f"{name}.json").write_text(json.dumps(manifest))


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    folder, key, *names = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        export(name, key, Path(folder))


if __name__ == "__main__":
    main()
