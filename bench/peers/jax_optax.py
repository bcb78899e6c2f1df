"""JAX: the whole step one compiled function, Adam by Optax, the state donated.

    python bench/peers/jax_optax.py CACHE

Networks as in networks.py, with the weights of its state_dict; convolutions in JAX's usual layout (NHWC, HWIO), for which images and kernels are
transposed once.

Pinned: jax==0.10.2, jaxlib==0.10.2 (CPU), optax==0.2.8.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from protocol import SteppingTrainer, Trainer, serve
from workloads import EPSILON, LEARNING_RATE, load, specifications

Weights = dict[str, Any]
IMAGE_NETWORKS = {"lenet", "resnet20", "resnet18", "mobilenet"}


def limit_threads() -> None:
    """Before JAX is imported: it has a thread for each core otherwise."""
    threads = int(os.environ["BENCH_THREADS"])
    os.environ["NPROC"] = str(threads)
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def open_peer() -> tuple[dict[str, str], Callable[[str, Path], Trainer]]:
    limit_threads()
    import jax
    import jax.numpy as jnp
    import optax
    from jax import lax, nn

    def linear(w: Weights, name: str, x: Any) -> Any:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def layer_norm(w: Weights, name: str, x: Any) -> Any:
        mean = x.mean(-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(-1, keepdims=True)
        return (x - mean) * lax.rsqrt(variance + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def convolution(w: Weights, name: str, x: Any, stride: int = 1, padding: int = 0, groups: int = 1) -> Any:
        pads = ((padding, padding),) * 2
        layout = ("NHWC", "HWIO", "NHWC")
        y = lax.conv_general_dilated(x, w[f"{name}.weight"], (stride, stride), pads, dimension_numbers=layout, feature_group_count=groups)
        return y + w[f"{name}.bias"] if f"{name}.bias" in w else y

    def batch_norm(w: Weights, moved: Weights, name: str, x: Any) -> Any:
        """Of the batch; what the running statistics become goes to `moved`."""
        mean = x.mean((0, 1, 2))
        variance = ((x - mean) ** 2).mean((0, 1, 2))
        count = x.size / x.shape[-1]
        for what, value in (("mean", mean), ("var", variance * (count / (count - 1)))):
            moved[f"{name}.running_{what}"] = lax.stop_gradient(0.9 * w[f"{name}.running_{what}"] + 0.1 * value)
        return (x - mean) * lax.rsqrt(variance + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def max_pool(x: Any, size: int, stride: int, padding: int = 0) -> Any:
        pads = ((0, 0), (padding, padding), (padding, padding), (0, 0))
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, size, size, 1), (1, stride, stride, 1), pads)

    def mlp(layers: int, w: Weights, moved: Weights, x: Any) -> Any:
        for layer in range(layers):
            x = linear(w, str(2 * layer), x)
            x = nn.relu(x) if layer < layers - 1 else x
        return x

    def lenet(w: Weights, moved: Weights, x: Any) -> Any:
        x = max_pool(nn.relu(convolution(w, "conv1", x / 255, padding=2)), 2, 2)
        x = max_pool(nn.relu(convolution(w, "conv2", x)), 2, 2)
        x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
        return linear(w, "fc3", nn.relu(linear(w, "fc2", nn.relu(linear(w, "fc1", x)))))

    def basic_block(w: Weights, moved: Weights, name: str, x: Any, stride: int) -> Any:
        y = nn.relu(batch_norm(w, moved, f"{name}.bn1", convolution(w, f"{name}.conv1", x, stride, 1)))
        y = batch_norm(w, moved, f"{name}.bn2", convolution(w, f"{name}.conv2", y, 1, 1))
        if f"{name}.downsample.0.weight" in w:
            x = batch_norm(w, moved, f"{name}.downsample.1", convolution(w, f"{name}.downsample.0", x, stride))
        return nn.relu(x + y)

    def resnet(blocks: int, is_imagenet: bool, w: Weights, moved: Weights, x: Any) -> Any:
        x = convolution(w, "conv1", x, 2, 3) if is_imagenet else convolution(w, "conv1", x, 1, 1)
        x = nn.relu(batch_norm(w, moved, "bn1", x))
        x = max_pool(x, 3, 2, 1) if is_imagenet else x
        for stage in range(4 if is_imagenet else 3):
            for block in range(blocks):
                x = basic_block(w, moved, f"layers.{stage}.{block}", x, 2 if stage > 0 and block == 0 else 1)
        return linear(w, "fc", x.mean((1, 2)))

    def mobilenet(w: Weights, moved: Weights, x: Any) -> Any:
        x = nn.relu6(batch_norm(w, moved, "bn1", convolution(w, "conv1", x, 2, 1)))
        for index, stride in enumerate((1, 2, 1, 2, 1, 2, 1)):
            name = f"layers.{index}"
            y = nn.relu6(batch_norm(w, moved, f"{name}.bn1", convolution(w, f"{name}.expand", x)))
            y = convolution(w, f"{name}.depthwise", y, stride, 1, groups=y.shape[-1])
            y = nn.relu6(batch_norm(w, moved, f"{name}.bn2", y))
            y = batch_norm(w, moved, f"{name}.bn3", convolution(w, f"{name}.project", y))
            x = x + y if x.shape == y.shape else y
        x = nn.relu6(batch_norm(w, moved, "bn2", convolution(w, "conv2", x)))
        return linear(w, "fc", x.mean((1, 2)))

    def attention(w: Weights, name: str, x: Any, is_causal: bool) -> Any:
        batch, length, width = x.shape
        q, k, v = jnp.moveaxis(linear(w, f"{name}.qkv", x).reshape(batch, length, 3, 4, width // 4), 2, 0)
        mixed = nn.dot_product_attention(q, k, v, is_causal=is_causal)
        return linear(w, f"{name}.out", mixed.reshape(batch, length, width))

    gelu = partial(nn.gelu, approximate=False)

    def gpt2(w: Weights, moved: Weights, ids: Any) -> Any:
        x = w["wte.weight"][ids] + w["wpe"][: ids.shape[1]]
        for name in (f"blocks.{block}" for block in range(4)):
            x = x + attention(w, f"{name}.attention", layer_norm(w, f"{name}.ln1", x), True)
            x = x + linear(w, f"{name}.fc2", gelu(linear(w, f"{name}.fc1", layer_norm(w, f"{name}.ln2", x))))
        return layer_norm(w, "ln", x) @ w["wte.weight"].T

    def bert(w: Weights, moved: Weights, ids: Any) -> Any:
        x = layer_norm(w, "ln", w["tokens.weight"][ids] + w["positions"])
        for name in (f"blocks.{block}" for block in range(4)):
            x = layer_norm(w, f"{name}.ln1", x + attention(w, f"{name}.attention", x, False))
            x = layer_norm(w, f"{name}.ln2", x + linear(w, f"{name}.fc2", gelu(linear(w, f"{name}.fc1", x))))
        return linear(w, "head", jnp.tanh(linear(w, "pooler", x[:, 0])))

    def lstm(w: Weights, moved: Weights, x: Any) -> Any:
        projected = x @ w["lstm.weight_ih_l0"].T + w["lstm.bias_ih_l0"] + w["lstm.bias_hh_l0"]
        recurrent = w["lstm.weight_hh_l0"].T

        def cell(state: Any, gates: Any) -> Any:
            hidden, memory = state
            i, f, g, o = jnp.split(gates + hidden @ recurrent, 4, -1)
            memory = nn.sigmoid(f) * memory + nn.sigmoid(i) * jnp.tanh(g)
            return (nn.sigmoid(o) * jnp.tanh(memory), memory), None

        zeros = jnp.zeros((x.shape[0], recurrent.shape[0]))
        (hidden, _), _ = lax.scan(cell, (zeros, zeros), projected.swapaxes(0, 1))
        return linear(w, "head", hidden)

    forwards = {
        "lenet": lenet,
        "resnet20": partial(resnet, 3, False),
        "resnet18": partial(resnet, 2, True),
        "mobilenet": mobilenet,
        "gpt2": gpt2,
        "bert": bert,
        "lstm": lstm,
    }
    adam = optax.adam(LEARNING_RATE, eps=EPSILON)

    class Update(SteppingTrainer):
        def __init__(self, layers: int, width: int) -> None:
            super().__init__(1)
            keys = jax.random.split(jax.random.key(0), 2 * layers)
            self.weights = [jax.random.normal(key, (width, width)) for key in keys[:layers]]
            self.gradients = [jax.random.normal(key, (width, width)) for key in keys[layers:]]
            self.state = adam.init(self.weights)

            @partial(jax.jit, donate_argnums=(0, 1))
            def update(weights: Any, state: Any, gradients: Any) -> Any:
                changes, state = adam.update(gradients, state)
                return optax.apply_updates(weights, changes), state

            self.update = update

        def first_losses(self, count: int) -> list[float]:
            self.train(count)
            return []

        def step(self, batch: int) -> Any:
            self.weights, self.state = self.update(self.weights, self.state, self.gradients)
            return self.weights

        def wait(self, result: Any) -> float:
            jax.block_until_ready(result)
            return float("nan")

    class Training(SteppingTrainer):
        def __init__(self, name: str, folder: Path) -> None:
            specification = specifications()[name]
            super().__init__(specification["batches"])
            network = specification["network"]
            exported = load(folder, name)
            is_image = network["kind"] in IMAGE_NETWORKS
            forward = partial(mlp, len(network["sizes"]) - 1) if network["kind"] == "mlp" else forwards[network["kind"]]

            def laid_out(value: np.ndarray) -> Any:
                return jnp.asarray(value.transpose(2, 3, 1, 0) if is_image and value.ndim == 4 else value)

            inputs = exported.inputs.transpose(0, 2, 3, 1) if is_image else exported.inputs
            integers = {np.dtype(np.int64): np.int32}
            batches = [
                [jnp.asarray(part.astype(integers.get(part.dtype, part.dtype))) for part in np.split(whole, self.batches)]
                for whole in (inputs, exported.targets)
            ]
            self.data = list(zip(*batches))
            running = {key: laid_out(value) for key, value in exported.weights.items() if ".running_" in key}
            weights = {key: laid_out(value) for key, value in exported.weights.items() if key not in running}
            self.state = (weights, running, adam.init(weights))
            is_regression = specification["loss"] == "mse"

            def loss_of(weights: Weights, running: Weights, x: Any, y: Any) -> Any:
                moved: Weights = {}
                output = forward({**weights, **running}, moved, x)
                if is_regression:
                    return ((output - y) ** 2).mean(), moved
                return optax.softmax_cross_entropy_with_integer_labels(output, y).mean(), moved

            @partial(jax.jit, donate_argnums=0)
            def step(state: Any, x: Any, y: Any) -> Any:
                weights, running, moments = state
                (loss, running), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights, running, x, y)
                changes, moments = adam.update(gradients, moments)
                return (optax.apply_updates(weights, changes), running, moments), loss

            self.jitted = step

        def step(self, batch: int) -> Any:
            self.state, loss = self.jitted(self.state, *self.data[batch])
            return loss

        def wait(self, result: Any) -> float:
            return float(result)

    def prepare(name: str, folder: Path) -> Trainer:
        network = specifications()[name]["network"]
        if network["kind"] == "update":
            return Update(network["layers"], network["width"])
        return Training(name, folder)

    return {"jax": jax.__version__, "optax": optax.__version__}, prepare


if __name__ == "__main__":
    serve(open_peer)
