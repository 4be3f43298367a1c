"""The other engine: torch on the CPU or a GPU, behind the same protocol ([torch] extra).

On the CPU all is float32. On a GPU the convolutions and the projection behind them stay in float32,
since layer norms over a few large channels widen what bfloat16 rounds away; the encoder runs in
bfloat16 with fused attention. Equally long sounds pass all of it at once: nothing in it looks from
one to another.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from speechsearch.asr.checkpoint import WEIGHTS_FILE
from speechsearch.asr.folder import ModelFolder
from speechsearch.asr.graph import Batch
from speechsearch.asr.halves import Encoder, Front, Whole, fold_weight_norms
from speechsearch.asr.model import ModelInfo
from speechsearch.asr.parts import PartedModel
from speechsearch.asr.positioned import load_torch
from speechsearch.types import Device


@dataclass(frozen=True, slots=True)
class TorchPart:
    """A module on its device; several threads may run it at once."""

    module: torch.nn.Module
    device: str

    def run(self, batch: Batch) -> Batch:
        """What the module makes of ``batch``, float32, in host memory."""
        with torch.inference_mode():
            made = self.module(torch.tensor(batch, device=self.device))
        result: Batch = made.float().cpu().numpy()
        return result


@dataclass(frozen=True, slots=True)
class TorchAcousticModel(PartedModel):
    """An ``AcousticModel``; several threads may call it at once."""

    together: bool = True

    @classmethod
    def load(
        cls, folder: ModelFolder, device: Device = Device.CPU, threads: int = 1
    ) -> TorchAcousticModel:
        """Check the weights' hash and place them on ``device``; ``threads`` are the CPU's.

        Raises ``ModelError`` where the weights are damaged or do not fit.
        """
        folder.verify([WEIGHTS_FILE])
        model = load_torch(folder.path, fused_attention=True)
        fold_weight_norms(model)
        torch.set_num_threads(threads)
        if device is Device.CUDA:  # convolutions would round to ten bits
            torch.backends.cudnn.allow_tf32 = False
        return cls(folder.info, parts_of(model, folder.info, device))


def parts_of(
    model: PreTrainedModel, info: ModelInfo, device: Device = Device.CPU
) -> tuple[TorchPart, ...]:
    """The whole model, or front and encoder where features keep; reduced on a GPU."""
    reduced = device is Device.CUDA
    modules: list[torch.nn.Module] = (
        [Front(model), Encoder(model, reduced=reduced)]
        if info.local_features
        else [Whole(model, reduced=reduced)]
    )
    return tuple(TorchPart(module.eval().to(device.value), device.value) for module in modules)
