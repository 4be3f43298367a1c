"""One ONNX graph in ONNX Runtime: a batch in, a batch out, bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from speechsearch.asr.interrupt import interrupt_in_force
from speechsearch.errors import ModelError

Batch = npt.NDArray[np.float32]
"""[sounds, samples], [sounds, frames, channels] or [sounds, frames, letters]."""
MASK = "attention_mask"


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph of sounds or features; several threads may run it at once.

    Where it also wants an attention mask, that has ones alone: what is heard together is equally
    long.
    """

    session: ort.InferenceSession
    input_name: str
    mask_name: str = ""

    @classmethod
    def load(cls, path: Path, threads: int = 1) -> Graph:
        """Start the graph of a file; ``ModelError`` when it is damaged or unfit."""
        try:
            session = ort.InferenceSession(
                path, _options(threads), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors share no other base
            raise ModelError(
                f"ONNX Runtime does not take {path}: {error}",
                hint="Use onnxruntime>=1.20, or make the folder again with scripts/make_model",
            ) from error
        inputs = [one.name for one in session.get_inputs()]
        masks = [name for name in inputs if name == MASK]
        others = [name for name in inputs if name != MASK]
        if len(others) != 1:
            raise ModelError(
                f"{path} wants {', '.join(inputs)}: more than the sound and its {MASK}",
                hint="Take a graph of a CTC model that hears raw audio",
            )
        return cls(session, others[0], *masks)

    def run(self, batch: Batch) -> Batch:
        """What the graph makes of ``batch``; as many sounds come out as went in.

        Raises Interrupted, between two of its nodes, where an ``Interrupt`` in force is asked for.
        """
        given: dict[str, Any] = {self.input_name: batch}
        if self.mask_name:
            given[self.mask_name] = np.ones(batch.shape[:2], dtype=np.int64)
        made: Any = self._run(given)[0]
        result: Batch = made.astype(np.float32, copy=False)
        return result

    def _run(self, given: dict[str, Any]) -> Any:
        interrupt = interrupt_in_force()
        if interrupt is None:
            return self.session.run(None, given)
        options = ort.RunOptions()
        options.log_severity_level = 4  # that it was stopped is no error

        def stop() -> None:
            options.terminate = True

        with interrupt.stopping(stop):
            return self.session.run(None, given, options)


def _options(threads: int) -> ort.SessionOptions:
    """No arena and no memory pattern: with every length different they only grow.

    No spinning: idle workers would take the cores that capture and search need.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
