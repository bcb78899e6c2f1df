"""How a peer is driven: a line of JSON in, a line of JSON out; between them the process sleeps.

    {"do": "prepare", "workload": NAME}   -> {"losses": [...], "firstStep": seconds} or {"unsupported": why}
    {"do": "run", "seconds": s}           -> {"steps": n, "seconds": s}
    {"do": "memory"}                      -> {"peak": bytes}
    {"do": "release"}                     -> {}

The first line, unasked: {"versions": {...}} or {"missing": why}. `losses` are those of the first steps from the exported weights, all on the first
batch; `run` goes through all batches in order, again and again.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHECKED_STEPS = 3
WARM_SECONDS = 0.02
"""Before each block, so that it does not begin with cold caches; steps longer than SLOW_SECONDS need none."""
SLOW_SECONDS = 0.1


class Trainer(ABC):
    """One workload, ready to train."""

    @abstractmethod
    def first_losses(self, count: int) -> list[float]:
        """Of the first steps, all on the first batch. An update alone has none."""

    @abstractmethod
    def train(self, steps: int) -> int:
        """Trains about so many steps and waits for them; how many it were."""


class SteppingTrainer(Trainer):
    """For peers that are called for each step."""

    def __init__(self, batches: int) -> None:
        self.batches = batches
        self.position = 0

    @abstractmethod
    def step(self, batch: int) -> Any:
        """Begins a step; gives what `wait` takes."""

    @abstractmethod
    def wait(self, result: Any) -> float:
        """For the end of a step; its loss."""

    def first_losses(self, count: int) -> list[float]:
        return [self.wait(self.step(0)) for _ in range(count)]

    def train(self, steps: int) -> int:
        result = None
        for _ in range(steps):
            result = self.step(self.position)
            self.position = (self.position + 1) % self.batches
        self.wait(result)
        return steps


class Unsupported(Exception):
    """A workload that a peer does not have."""


def measured(trainer: Trainer, seconds: float) -> dict[str, float]:
    """Trains at least so long, in pieces that double until they take a tenth of it."""
    piece, steps, start = 1, 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        before = time.perf_counter()
        steps += trainer.train(piece)
        if time.perf_counter() - before < seconds / 10:
            piece *= 2
    return {"steps": steps, "seconds": elapsed}


def serve(open_peer: Callable[[], tuple[dict[str, str], Callable[[str, Path], Trainer]]]) -> None:
    """`open_peer` imports what it needs, and gives versions and a function that makes a trainer of a workload in the cache."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not come between the lines

    def reply(message: dict[str, Any]) -> None:
        output.write(json.dumps(message) + "\n")
        output.flush()

    try:
        versions, prepare = open_peer()
    except ImportError as error:
        reply({"missing": f"Python {sys.version.split()[0]} at {sys.executable}: {error}"})
        return
    except Unsupported as error:
        reply({"missing": str(error)})
        return
    reply({"versions": {"python": sys.version.split()[0], **versions}})
    folder = Path(sys.argv[1])
    trainer: Trainer | None = None
    is_slow = False
    for line in sys.stdin:
        request = json.loads(line)
        try:
            match request["do"]:
                case "prepare":
                    is_slow = False
                    start = time.perf_counter()
                    trainer = prepare(request["workload"], folder)
                    losses = trainer.first_losses(1)
                    first = time.perf_counter() - start
                    reply({"losses": losses + trainer.first_losses(CHECKED_STEPS - 1), "firstStep": first})
                case "run":
                    if trainer is None:
                        raise RuntimeError("nothing is prepared")
                    if not is_slow:
                        measured(trainer, WARM_SECONDS)
                    block = measured(trainer, request["seconds"])
                    is_slow = block["seconds"] > SLOW_SECONDS * block["steps"]
                    reply(block)
                case "memory":
                    status = Path("/proc/self/status").read_text()
                    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
                    reply({"peak": 1024 * int(peak.split()[1])})
                case "release":
                    trainer = None
                    gc.collect()
                    reply({})
        except Unsupported as error:
            reply({"unsupported": str(error)})
        except Exception as error:  # a workload that fails must not end the others
            trainer = None
            reply({"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"})
