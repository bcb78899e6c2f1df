"""PyTorch on the CPU: eager with its default Adam (foreach) or the fused one, or compiled (model, loss and update).

    python bench/peers/pytorch.py CACHE foreach|fused|compile

Pinned: torch==2.13.0 (CPU). Compiling needs a C++ compiler.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from protocol import SteppingTrainer, Trainer, Unsupported, serve
from workloads import EPSILON, LEARNING_RATE, build, load, specifications


def open_peer() -> tuple[dict[str, str], Callable[[str, Path], Trainer]]:
    variant = sys.argv[2]
    if variant == "compile":
        if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
            raise Unsupported("torch.compile needs a C++ compiler")
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(sys.argv[1]).absolute() / "inductor"))
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(int(os.environ["BENCH_THREADS"]))

    def adam(parameters: list[Any]) -> Any:
        # For tensors on the CPU foreach has to be asked for: left alone, PyTorch goes through them one by one.
        choice = {"fused": True} if variant == "fused" else {"foreach": True}
        return torch.optim.Adam(parameters, lr=LEARNING_RATE, eps=EPSILON, **choice)

    class Update(SteppingTrainer):
        def __init__(self, layers: int, width: int) -> None:
            super().__init__(1)
            weights = [torch.nn.Parameter(torch.randn(width, width)) for _ in range(layers)]
            for weight in weights:
                weight.grad = torch.randn(width, width)
            self.update = adam(weights).step
            if variant == "compile":
                self.update = torch.compile(self.update)

        def first_losses(self, count: int) -> list[float]:
            self.train(count)
            return []

        def step(self, batch: int) -> None:
            self.update()

        def wait(self, result: None) -> float:
            return float("nan")

    class Training(SteppingTrainer):
        def __init__(self, name: str, folder: Path) -> None:
            specification = specifications()[name]
            super().__init__(specification["batches"])
            self.batch = specification["batch"]
            exported = load(folder, name)
            self.inputs, self.targets = torch.from_numpy(exported.inputs), torch.from_numpy(exported.targets)
            model = build(specification["network"])
            model.load_state_dict({key: torch.from_numpy(value) for key, value in exported.weights.items()}, strict=False)
            model.train()
            self.optimizer = adam(list(model.parameters()))
            is_regression = specification["loss"] == "mse"

            def loss_of(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
                output = model(inputs)
                if is_regression:
                    return F.mse_loss(output, targets)
                return F.cross_entropy(output.flatten(0, -2), targets.flatten())

            is_compiled = variant == "compile"
            self.loss_of = torch.compile(loss_of) if is_compiled else loss_of
            self.update = torch.compile(self.optimizer.step) if is_compiled else self.optimizer.step

        def step(self, batch: int) -> torch.Tensor:
            rows = slice(batch * self.batch, (batch + 1) * self.batch)
            self.optimizer.zero_grad()
            loss = self.loss_of(self.inputs[rows], self.targets[rows])
            loss.backward()
            self.update()
            return loss

        def wait(self, result: torch.Tensor) -> float:
            return result.item()

    def prepare(name: str, folder: Path) -> Trainer:
        network = specifications()[name]["network"]
        if variant == "compile":
            torch.compiler.reset()
        if network["kind"] == "update":
            return Update(network["layers"], network["width"])
        return Training(name, folder)

    return {"torch": torch.__version__}, prepare


if __name__ == "__main__":
    serve(open_peer)
