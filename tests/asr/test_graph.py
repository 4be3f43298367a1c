from __future__ import annotations

import numpy as np
import pytest

from speechsearch.asr.graph import Graph
from speechsearch.errors import ModelError


def test_a_file_that_is_no_graph_is_a_model_error(tmp_path):
    (tmp_path / "graph.onnx").write_bytes(b"not really a graph")
    with pytest.raises(ModelError, match="ONNX Runtime does not take"):
        Graph.load(tmp_path / "graph.onnx")


def test_as_many_sounds_come_out_as_went_in(shipped):
    front = Graph.load(shipped.graph_paths[0])
    features = front.run(np.zeros((3, 16000), dtype=np.float32))
    assert features.shape == (3, shipped.info.timing.frames(16000), 400)
    assert features.dtype == np.float32
