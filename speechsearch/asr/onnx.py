"""The base install's engine: ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from speechsearch.asr.folder import ModelFolder
from speechsearch.asr.graph import Graph
from speechsearch.asr.model import ModelInfo
from speechsearch.asr.parts import PartedModel


@dataclass(frozen=True, slots=True)
class OnnxAcousticModel(PartedModel):
    """An ``AcousticModel``; several threads may call it at once."""

    @classmethod
    def load(cls, folder: ModelFolder, threads: int = 1) -> OnnxAcousticModel:
        """Check the graphs' hashes and start them; ``ModelError`` when damaged or unfit."""
        folder.verify(folder.manifest.graphs)
        return cls.of_graphs(folder.graph_paths, folder.info, threads)

    @classmethod
    def of_graphs(
        cls, paths: Sequence[Path], info: ModelInfo, threads: int = 1
    ) -> OnnxAcousticModel:
        """Start the graph or graphs of a model not yet in a folder."""
        return cls(info, tuple(Graph.load(path, threads) for path in paths))
