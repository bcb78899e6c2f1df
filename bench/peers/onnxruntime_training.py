"""onnxruntime-training, on-device: the same ONNX files, its own gradient graph, AdamW without decay.

    python bench/peers/onnxruntime_training.py CACHE

Pinned: onnxruntime-training==1.19.2, onnx==1.16.2, protobuf<5, numpy<2, and torch==2.13.0 (CPU), which it imports; Python 3.11 at most.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from protocol import SteppingTrainer, Trainer, Unsupported, serve
from workloads import EPSILON, LEARNING_RATE, load, specifications


def open_peer() -> tuple[dict[str, str], Callable[[str, Path], Trainer]]:
    import onnx
    import onnxruntime
    from onnxruntime.training import api, artifacts, onnxblock

    threads = int(os.environ["BENCH_THREADS"])

    class Adam(onnxblock.optim.AdamW):
        """Its epsilon beside the corrected root, as PyTorch has it: its default."""

        def __init__(self) -> None:
            super().__init__(bias_correction=True, betas=(0.9, 0.999), eps=EPSILON, weight_decay=0.0)

    def generate(name: str, folder: Path, weights: list[str], loss: Any, into: str) -> None:
        model = onnx.load(folder / f"{name}.onnx")
        trained = [name for name in weights if ".running_" not in name]
        artifacts.generate_artifacts(model, requires_grad=trained, loss=loss, optimizer=Adam(), artifact_directory=into)

    class Training(SteppingTrainer):
        def __init__(self, name: str, folder: Path) -> None:
            specification = specifications()[name]
            super().__init__(specification["batches"])
            self.batch = specification["batch"]
            exported = load(folder, name)
            self.inputs, self.targets = exported.inputs, exported.targets
            loss = artifacts.LossType.MSELoss if specification["loss"] == "mse" else artifacts.LossType.CrossEntropyLoss
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            with tempfile.TemporaryDirectory() as into:
                generate(name, folder, list(exported.weights), loss, into)
                path = Path(into)
                self.state = api.CheckpointState.load_checkpoint(path / "checkpoint")
                self.module = api.Module(path / "training_model.onnx", self.state, session_options=options)
                self.optimizer = api.Optimizer(path / "optimizer_model.onnx", self.module)
            self.optimizer.set_learning_rate(LEARNING_RATE)
            self.module.train()

        def step(self, batch: int) -> Any:
            rows = slice(batch * self.batch, (batch + 1) * self.batch)
            loss = self.module(self.inputs[rows], self.targets[rows])
            self.optimizer.step()
            self.module.lazy_reset_grad()
            return loss

        def wait(self, result: Any) -> float:
            return float(result)

    def prepare(name: str, folder: Path) -> Trainer:
        specification = specifications()[name]
        if specification["network"]["kind"] in ("update", "gpt2"):
            raise Unsupported("has no update alone, and no cross-entropy of sequences")
        return Training(name, folder)

    return {"onnxruntime-training": onnxruntime.__version__}, prepare


if __name__ == "__main__":
    serve(open_peer)
