"""What PyTorch and Keras say of the initial weights of the models in fixtures/, and the random bits they come from.

    KERAS_BACKEND=torch python src/passes/initialization/testing/make_goldens.py    # writes goldens.json beside itself

Deviations are the arguments that the frameworks' own initializers give to their random generators for a weight of that
shape: kaiming_normal_ and xavier_normal_ of PyTorch 2.13, HeNormal, GlorotUniform and LecunNormal of Keras 3.15. Left
out is where the frameworks count the fans of a stored shape and not those of the operator: transposed convolutions,
depthwise kernels and attention (whose heads count as a convolution's taps) of Keras, fan-outs of grouped convolutions
of PyTorch, and Conv1D of transformers, which is stored transposed.
"""

import hashlib
import json
import math
import os
import struct
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")
ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "fixtures" / "pytorch"))

import export_models  # noqa: E402
import torch  # noqa: E402
from keras.src.initializers import random_initializers  # noqa: E402
from torch import nn  # noqa: E402

PYTORCH = ("mlp", "lenet", "mobilenet_v2", "vit", "lstm_regressor", "gru_classifier", "unet")
KERAS = ("mlp", "cnn", "conv1d", "gru", "embedding_lstm", "separable_cnn", "transformer")


def torch_deviations(weight: torch.Tensor, groups: int) -> dict[str, float]:
    drawn: list[float] = []
    normal = torch.Tensor.normal_

    def record(tensor: torch.Tensor, mean: float, std: float, **_: Any) -> torch.Tensor:
        assert mean == 0
        drawn.append(std)
        return tensor

    torch.Tensor.normal_ = record
    try:
        nn.init.kaiming_normal_(weight, mode="fan_in")
        if groups == 1:
            nn.init.kaiming_normal_(weight, mode="fan_out")
            nn.init.xavier_normal_(weight)
    finally:
        torch.Tensor.normal_ = normal
    return dict(zip(("he", "he-fan-out", "glorot"), drawn))


def pytorch() -> dict[str, dict[str, dict[str, float]]]:
    files = {}
    for name in PYTORCH:
        model = export_models.FIXTURES[name].build()
        groups = {f"{path}.weight": getattr(module, "groups", 1) for path, module in model.named_modules()}
        parameters = dict(model.named_parameters())
        file = f"{name}.torchscript.onnx"
        truth = json.loads((ROOT / "fixtures" / "pytorch" / f"{file}.truth.json").read_text())
        files[file] = {
            row["initializer"]: torch_deviations(parameters[path].detach(), groups.get(path, 1))
            for row in truth["parameters"]
            if (path := row["frameworkName"]) in parameters
            and row["module"] in ("Linear", "Conv2d", "LSTM", "GRU", "MultiheadAttention")
            and parameters[path].dim() > 1
        }
    return files


def keras_deviations(shape: list[int]) -> dict[str, float]:
    drawn: list[float] = []
    random = random_initializers.random
    uniform, truncated = random.uniform, random.truncated_normal

    def record_uniform(shape: Any, minval: float, maxval: float, **_: Any) -> None:
        assert minval == -maxval
        drawn.append(maxval / math.sqrt(3))

    def record_truncated(shape: Any, mean: float, stddev: float, **_: Any) -> None:
        assert mean == 0
        # Keras widens the distribution by what cutting its tails off takes away.
        drawn.append(stddev * 0.87962566103423978)

    random.uniform, random.truncated_normal = record_uniform, record_truncated
    try:
        random_initializers.HeNormal()(shape)
        random_initializers.GlorotUniform()(shape)
        random_initializers.LecunNormal()(shape)
    finally:
        random.uniform, random.truncated_normal = uniform, truncated
    return dict(zip(("he", "glorot", "lecun"), drawn))


def keras() -> dict[str, dict[str, dict[str, float]]]:
    files = {}
    for name in KERAS:
        golden = json.loads((ROOT / "fixtures" / "keras" / f"{name}.golden.json").read_text())
        files[golden["model"]] = {
            row["initializer"]: keras_deviations(row["shape"])
            for row in golden["variables"]
            if row["initializer"] is not None
            and row["name"] in ("kernel", "recurrent_kernel", "pointwise_kernel")
            and "attention" not in row["path"]
        }
    return files


def xoshiro128(state: list[int], count: int) -> list[int]:
    """xoshiro128** 1.1, after the public-domain C of Blackman and Vigna."""

    def rotated(x: int, k: int) -> int:
        return ((x << k) | (x >> (32 - k))) & 0xFFFFFFFF

    s = list(state)
    results = []
    for _ in range(count):
        results.append((rotated((s[1] * 5) & 0xFFFFFFFF, 7) * 9) & 0xFFFFFFFF)
        t = (s[1] << 9) & 0xFFFFFFFF
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotated(s[3], 11)
    return results


def random_bits(seed: int, name: str) -> dict[str, Any]:
    # The test vector of other implementations, such as the crate rand_xoshiro.
    assert xoshiro128([1, 2, 3, 4], 4) == [11520, 0, 5927040, 70819200]
    state = struct.unpack("<4I", hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16])
    return {"seed": seed, "name": name, "bits": xoshiro128(list(state), 8)}


goldens = {
    "pytorch": pytorch(),
    "keras": keras(),
    "random": [random_bits(0, "fc1.weight"), random_bits(123456789, "größe/重み")],
}
Path(__file__).with_name("goldens.json").write_text(json.dumps(goldens, indent=2, ensure_ascii=False) + "\n")
