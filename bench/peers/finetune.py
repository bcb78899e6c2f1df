"""What PyTorch reaches on real images within a fixed budget: a mean over seeds, to compare a trainer of the exported models with.

    python bench/peers/finetune.py FOLDER            # data, models of every seed, and results.json
    python bench/peers/finetune.py FOLDER --only lstm --seeds 20

The images are scikit-learn's `load_digits`: 1,797 handwritten digits of 8x8 pixels with 17 grey levels (UCI, "Optical Recognition of
Handwritten Digits", test part), in one fixed order, the last 360 for testing. They are written as

    data/train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-...     IDX as MNIST has it, values 0 to 16
    data28/train-images-idx3-ubyte.gz ...                               enlarged to 28x28, values 0 to 255, compressed
    data/train.npz, test.npz                                            x [N, 1, 8, 8], rows [N, 8, 8], input_ids [N, 64], y [N]

The models take these values as they are: what scales them is in the graph. Training: Adam, batches of 32, the training images in a new order
every epoch, the last incomplete batch included; the loss is the cross-entropy of the logits. Epochs and learning rates stand in CASES.

Models, for each seed: NAME.seedS.onnx with the initial weights and a symbolic batch (torch.onnx.export, dynamo=False, opset 17),
NAME.seedS.batch1.onnx with batch 1 baked in, NAME.seedS.dynamo.onnx by the newer exporter.

Made with torch==2.13.0 (CPU), scikit-learn==1.9.1 and onnx==1.23.2 on Python 3.11.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import struct
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from networks import LeNet, LstmClassifier, RowTransformer, SmallCnn, TransformerClassifier
from sklearn.datasets import load_digits
from torch import Tensor, nn

TESTING = 360
BATCH = 32


@dataclass(frozen=True)
class Case:
    build: Callable[[], nn.Module]
    input: str
    field: str
    epochs: int
    learning_rate: float = 0.001


CASES = {
    "cnn": Case(SmallCnn, "image", "x", 40),
    "cnn-batchnorm": Case(lambda: SmallCnn(normalized=True), "image", "x", 10),
    "lenet28": Case(LeNet, "image", "x28", 20),
    "transformer": Case(lambda: TransformerClassifier(17, 64, 10), "input_ids", "input_ids", 40, 0.003),
    "row-transformer": Case(RowTransformer, "rows", "rows", 40, 0.003),
    "lstm": Case(LstmClassifier, "rows", "rows", 40, 0.003),
}


def digits() -> dict[str, np.ndarray]:
    images, labels = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(labels))
    pixels = images[order].reshape(-1, 8, 8).astype(np.uint8)
    large = F.interpolate(torch.from_numpy(pixels).float()[:, None] * (255 / 16), size=(28, 28), mode="bilinear").round()
    return {
        "pixels": pixels,
        "pixels28": large[:, 0].numpy().astype(np.uint8),
        "x": pixels[:, None].astype(np.float32),
        "x28": large.numpy().astype(np.float32),
        "rows": pixels.astype(np.float32),
        "input_ids": pixels.reshape(-1, 64).astype(np.int64),
        "y": labels[order].astype(np.int64),
    }


def idx(array: np.ndarray) -> bytes:
    """Bytes 0, 0, the type (8: unsigned byte), the rank; the extents as big-endian 32-bit integers; the values."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def write_data(data: dict[str, np.ndarray], folder: Path) -> None:
    parts = {"train": slice(None, -TESTING), "t10k": slice(-TESTING, None)}
    for name, pixels, compressed in (("data", "pixels", False), ("data28", "pixels28", True)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for part, rows in parts.items():
            for what, array in ((f"{part}-images-idx3-ubyte", data[pixels][rows]), (f"{part}-labels-idx1-ubyte", data["y"][rows])):
                content = idx(array)
                (folder / name / (what + (".gz" if compressed else ""))).write_bytes(
                    gzip.compress(content, mtime=0) if compressed else content
                )
    for name, part in (("train", "train"), ("test", "t10k")):
        np.savez(folder / "data" / f"{name}.npz", **{key: data[key][parts[part]] for key in ("x", "rows", "input_ids", "y")})


def export(model: nn.Module, example: Tensor, name: str, path: Path) -> None:
    """The three forms; the model must be on its initial weights. Batch normalization stays a node of its own, in training mode."""
    normalized = any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    mode = torch.onnx.TrainingMode.TRAINING if normalized else torch.onnx.TrainingMode.EVAL
    common = {"input_names": [name], "output_names": ["logits"]}
    old = {**common, "dynamo": False, "opset_version": 17, "training": mode, "do_constant_folding": not normalized}
    one = example[:1]
    state = {key: value.clone() for key, value in model.state_dict().items()}
    torch.onnx.export(model, (one,), path.with_suffix(".batch1.onnx"), **old)
    axes = {name: {0: "batch"}, "logits": {0: "batch"}}
    torch.onnx.export(model, (example[:2],), path.with_suffix(".onnx"), dynamic_axes=axes, **old)
    model.load_state_dict(state)  # tracing in training mode moves the running statistics
    if not normalized:
        batch = torch.export.Dim("batch")
        new = {**common, "dynamo": True, "dynamic_shapes": ({0: batch},), "external_data": False, "verbose": False}
        torch.onnx.export(model.eval(), (example[:2],), path.with_suffix(".dynamo.onnx"), **new)


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def trained_accuracy(case: Case, model: nn.Module, data: dict[str, np.ndarray], seed: int) -> tuple[float, float]:
    """Of the test images after the last epoch, and the mean loss of that epoch."""
    x, y = torch.from_numpy(data[case.field]), torch.from_numpy(data["y"])
    train_x, train_y = x[:-TESTING], y[:-TESTING]
    optimizer = torch.optim.Adam(model.parameters(), lr=case.learning_rate)
    generator = torch.Generator().manual_seed(seed)
    loss_sum = 0.0
    for _ in range(case.epochs):
        model.train()
        loss_sum = 0.0
        for rows in torch.randperm(len(train_y), generator=generator).split(BATCH):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(train_x[rows]), train_y[rows])
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(rows)
    return accuracy(model, x[-TESTING:], y[-TESTING:]), loss_sum / len(train_y)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=list(CASES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--no-export", action="store_true")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)  # the networks are small: a second thread would wait more than it computes
    data = digits()
    write_data(data, arguments.folder)
    (arguments.folder / "models").mkdir(exist_ok=True)
    file = arguments.folder / "results.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    for name, case in CASES.items():
        if arguments.only not in (None, name):
            continue
        accuracies, losses, start = [], [], time.perf_counter()
        for seed in range(arguments.seeds):
            torch.manual_seed(seed)
            model = case.build()
            if not arguments.no_export:
                export(model, torch.from_numpy(data[case.field][:2]), case.input, arguments.folder / "models" / f"{name}.seed{seed}.onnx")
            reached, loss = trained_accuracy(case, model, data, seed)
            accuracies.append(reached)
            losses.append(loss)
        results[name] = {
            "epochs": case.epochs,
            "learningRate": case.learning_rate,
            "batch": BATCH,
            "accuracies": accuracies,
            "meanAccuracy": float(np.mean(accuracies)),
            "deviation": float(np.std(accuracies, ddof=1)),
            "lastLosses": losses,
        }
        file.write_text(json.dumps(results, indent=2) + "\n")
        seconds = time.perf_counter() - start
        mean, deviation = 100 * np.mean(accuracies), 100 * np.std(accuracies, ddof=1)
        print(f"{name:16} {mean:6.2f} % ± {deviation:.2f}, loss {np.mean(losses):.4f}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
