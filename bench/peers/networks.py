"""The networks that the comparisons with PyTorch train, written as people write them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mlp(*sizes: int) -> nn.Sequential:
    """Linear layers with ReLUs between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class SmallCnn(nn.Module):
    """Two convolutions on images [N, 1, 8, 8] of values 0 to 16, with or without batch normalization."""

    def __init__(self, normalized: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=not normalized)
        self.bn1 = nn.BatchNorm2d(16) if normalized else nn.Identity()
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=not normalized)
        self.bn2 = nn.BatchNorm2d(32) if normalized else nn.Identity()
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = image / 16
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = x.view(x.size(0), -1)
        return self.fc2(F.relu(self.fc1(x)))


class LeNet(nn.Module):
    """LeNet-5 on images [N, 1, 28, 28] of values 0 to 255."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(image / 255)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads, causal)
        self.ln2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.ln1(x))
        return x + self.fc2(F.gelu(self.fc1(self.ln2(x))))


class TransformerClassifier(nn.Module):
    """Classifies sequences of token ids [N, length]."""

    def __init__(self, vocabulary: int, length: int, classes: int, width: int = 32, blocks: int = 2) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width, 4) for _ in range(blocks)))
        self.ln = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, input_ids: Tensor) -> Tensor:
        x = self.blocks(self.tokens(input_ids) + self.positions)
        return self.head(self.ln(x).mean(1))


class RowTransformer(nn.Module):
    """Classifies sequences [N, 8, 8] of values 0 to 16: each row of an image is a step."""

    def __init__(self, width: int = 32, blocks: int = 2) -> None:
        super().__init__()
        self.rows = nn.Linear(8, width)
        self.positions = nn.Parameter(torch.randn(8, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width, 4) for _ in range(blocks)))
        self.ln = nn.LayerNorm(width)
        self.head = nn.Linear(8 * width, 10)

    def forward(self, rows: Tensor) -> Tensor:
        x = self.blocks(self.rows(rows / 16) + self.positions)
        return self.head(self.ln(x).flatten(1))


class LstmClassifier(nn.Module):
    """Classifies sequences [N, 8, 8] of values 0 to 16 by the last hidden state."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 64, batch_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, rows: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(rows / 16)
        return self.head(hidden[-1])


class LstmLastState(nn.Module):
    """Classifies sequences [N, length, inputs] by the last hidden state."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(x)
        return self.head(hidden[-1])


class BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class ResNet18(nn.Module):
    """ResNet-18 for images [N, 3, 32, 32]: a 3x3 stem without pooling, 11.2 million weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        self.layers = nn.Sequential(*(nn.Sequential(BasicBlock(i, o, s), BasicBlock(o, o, 1)) for i, o, s in widths))
        self.fc = nn.Linear(512, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.layers(F.relu(self.bn1(self.conv1(image))))
        return self.fc(x.mean((2, 3)))


class ResNet18ImageNet(nn.Module):
    """ResNet-18 as torchvision has it, with the 7x7 stem and its pooling; images [N, 3, any, any]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        self.layers = nn.Sequential(*(nn.Sequential(BasicBlock(i, o, s), BasicBlock(o, o, 1)) for i, o, s in widths))
        self.fc = nn.Linear(512, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(image))), 3, 2, 1)
        return self.fc(self.layers(x).mean((2, 3)))


class ResNet20(nn.Module):
    """ResNet-20 for images [N, 3, 32, 32], with projections where the shape changes; 0.27 million weights."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        widths = [(16, 16, 1), (16, 32, 2), (32, 64, 2)]
        blocks = ((BasicBlock(i, o, s), BasicBlock(o, o, 1), BasicBlock(o, o, 1)) for i, o, s in widths)
        self.layers = nn.Sequential(*(nn.Sequential(*stage) for stage in blocks))
        self.fc = nn.Linear(64, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.layers(F.relu(self.bn1(self.conv1(image))))
        return self.fc(x.mean((2, 3)))


class InvertedResidual(nn.Module):
    """Pointwise to `expansion` times the channels, depthwise 3x3, pointwise without activation."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.is_residual = stride == 1 and inputs == outputs
        self.expand = nn.Conv2d(inputs, hidden, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.project = nn.Conv2d(hidden, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.bn1(self.expand(x)))
        y = F.relu6(self.bn2(self.depthwise(y)))
        y = self.bn3(self.project(y))
        return x + y if self.is_residual else y


class MobileNet(nn.Module):
    """A small MobileNetV2 for images [N, 3, 64, 64]: seven inverted residuals; 0.13 million weights."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        widths = [(16, 16, 1, 1), (16, 24, 2, 6), (24, 24, 1, 6), (24, 32, 2, 6), (32, 32, 1, 6), (32, 64, 2, 6), (64, 64, 1, 6)]
        self.layers = nn.Sequential(*(InvertedResidual(*width) for width in widths))
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(256)
        self.fc = nn.Linear(256, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.layers(F.relu6(self.bn1(self.conv1(image))))
        x = F.relu6(self.bn2(self.conv2(x)))
        return self.fc(x.mean((2, 3)))


class BertBlock(nn.Module):
    """A post-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads, causal=False)
        self.ln1 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.ln2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.ln1(x + self.attention(x))
        return self.ln2(x + self.fc2(F.gelu(self.fc1(x))))


class BertClassifier(nn.Module):
    """Classifies sequences of token ids [N, length] by their first position, as BERT does; without dropout."""

    def __init__(self, vocabulary: int, length: int, classes: int, width: int, blocks: int, heads: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.randn(length, width) * 0.02)
        self.ln = nn.LayerNorm(width)
        self.blocks = nn.Sequential(*(BertBlock(width, heads) for _ in range(blocks)))
        self.pooler = nn.Linear(width, width)
        self.head = nn.Linear(width, classes)

    def forward(self, input_ids: Tensor) -> Tensor:
        x = self.blocks(self.ln(self.tokens(input_ids) + self.positions))
        return self.head(torch.tanh(self.pooler(x[:, 0])))


class Gpt2(nn.Module):
    """GPT-2, by default the small one of 124 million weights: the head is tied to the embedding. Scores [N, length, vocabulary]."""

    def __init__(self, length: int, vocabulary: int = 50257, width: int = 768, blocks: int = 12, heads: int = 12) -> None:
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Parameter(torch.randn(1024, width) * 0.02)
        self.length = length
        self.blocks = nn.Sequential(*(Block(width, heads, causal=True) for _ in range(blocks)))
        self.ln = nn.LayerNorm(width)
        nn.init.normal_(self.wte.weight, std=0.02)

    def forward(self, input_ids: Tensor) -> Tensor:
        x = self.blocks(self.wte(input_ids) + self.wpe[: self.length])
        return F.linear(self.ln(x), self.wte.weight)
