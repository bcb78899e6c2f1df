"""Keras 3 with the reference implementation of CaAdam, trained by `fit` over arrays in memory.

    KERAS_BACKEND=jax|torch python bench/peers/keras_caadam.py CACHE

MLPs and LeNet. CaAdam takes other steps than Adam, so that only the loss of the first step can be compared.

Pinned: keras==3.15.1, caadam==0.1.1, on jax==0.10.2 or torch==2.13.0 (CPU).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jax_optax import limit_threads
from protocol import Trainer, Unsupported, serve
from workloads import LEARNING_RATE, Exported, load, specifications


def open_peer() -> tuple[dict[str, str], Callable[[str, Path], Trainer]]:
    backend = os.environ["KERAS_BACKEND"]
    if backend == "jax":
        limit_threads()
    else:
        import torch

        torch.set_num_threads(int(os.environ["BENCH_THREADS"]))
    import keras
    from caadam import ConnectionAwareAdam, MultiplicativeMinMaxMedianConnectionScaling
    from keras import layers

    def dense(exported: Exported, name: str, activation: str | None) -> Any:
        kernel, bias = exported.weights[f"{name}.weight"].T, exported.weights[f"{name}.bias"]
        initial = {"kernel_initializer": keras.initializers.Constant(kernel), "bias_initializer": keras.initializers.Constant(bias)}
        return layers.Dense(kernel.shape[1], activation, **initial)

    def mlp(exported: Exported, sizes: list[int]) -> list[Any]:
        last = len(sizes) - 2
        return [dense(exported, str(2 * index), None if index == last else "relu") for index in range(last + 1)]

    def lenet(exported: Exported) -> list[Any]:
        def convolution(name: str, padding: str) -> Any:
            kernel, bias = exported.weights[f"{name}.weight"].transpose(2, 3, 1, 0), exported.weights[f"{name}.bias"]
            initial = {"kernel_initializer": keras.initializers.Constant(kernel), "bias_initializer": keras.initializers.Constant(bias)}
            return layers.Conv2D(kernel.shape[3], 5, padding=padding, activation="relu", **initial)

        convolutions = [convolution("conv1", "same"), layers.MaxPooling2D(), convolution("conv2", "valid"), layers.MaxPooling2D()]
        flat = [layers.Permute((3, 1, 2)), layers.Flatten()]  # channels first, as the weights have it
        denses = [dense(exported, "fc1", "relu"), dense(exported, "fc2", "relu"), dense(exported, "fc3", None)]
        return [layers.Rescaling(1 / 255), *convolutions, *flat, *denses]

    class Training(Trainer):
        def __init__(self, name: str, folder: Path) -> None:
            specification = specifications()[name]
            network = specification["network"]
            if network["kind"] not in ("mlp", "lenet"):
                raise Unsupported(f"is not written for {network['kind']}")
            exported = load(folder, name)
            self.batch, self.batches = specification["batch"], specification["batches"]
            self.inputs, self.targets = exported.inputs, exported.targets
            if network["kind"] == "mlp":
                inner = mlp(exported, network["sizes"])
            else:
                inner = lenet(exported)
                self.inputs = np.ascontiguousarray(self.inputs.transpose(0, 2, 3, 1))
            self.model = keras.Sequential([keras.Input(self.inputs.shape[1:]), *inner])
            loss = "mse" if specification["loss"] == "mse" else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            adam = ConnectionAwareAdam(LEARNING_RATE, scaling_strategy=MultiplicativeMinMaxMedianConnectionScaling())
            self.model.compile(adam, loss)

        def first_losses(self, count: int) -> list[float]:
            first = slice(0, self.batch)
            losses = [float(self.model.train_on_batch(self.inputs[first], self.targets[first])) for _ in range(count)]
            return losses if self.is_first() else []

        def is_first(self) -> bool:
            return int(self.model.optimizer.iterations) == 1

        def train(self, steps: int) -> int:
            batches = min(steps, self.batches)
            epochs = steps // batches
            inputs, targets = self.inputs[: batches * self.batch], self.targets[: batches * self.batch]
            self.model.fit(inputs, targets, batch_size=self.batch, epochs=epochs, shuffle=False, verbose=0)
            return epochs * batches

    return {"keras": keras.__version__, "caadam": "0.1.1"}, Training


if __name__ == "__main__":
    serve(open_peer)
