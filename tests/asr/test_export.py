"""A little stock model goes the whole way: export, shrink, gate, folder, engine."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from speechsearch.asr.checkpoint import CHECKPOINT_FILES
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.parts import log_softmax
from speechsearch.errors import ModelError

torch = pytest.importorskip("torch", reason="needs the [torch] extra")
transformers = pytest.importorskip("transformers", reason="needs the [torch] extra")
for extra in ("safetensors", "onnx", "onnxscript"):
    pytest.importorskip(extra, reason="needs the [torch] extra")
export = pytest.importorskip("speechsearch.asr.export")
shrink = pytest.importorskip("speechsearch.asr.shrink")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
LABELS = export.Labels("little", "3", "MIT", "en")


@pytest.fixture
def trained(checkpoint):
    config = transformers.Wav2Vec2Config(
        **json.loads((checkpoint / "config.json").read_text(encoding="utf-8")),
        conv_dim=[64, 64, 96],
        num_feat_extract_layers=3,
        hidden_size=96,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=4,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        mask_time_prob=0.0,
    )
    torch.manual_seed(0)
    model = transformers.Wav2Vec2ForCTC(config).eval()
    model.save_pretrained(checkpoint)
    return checkpoint, model


@pytest.fixture
def audio():
    return np.random.default_rng(0).standard_normal(4000).astype(np.float32)


def make(checkpoint, out, audio, transcript="ab"):
    tables = {"little": [export.Recording(audio, transcript)]}
    return export.export(checkpoint, out, LABELS, shrink.Calibration([audio]), tables)


def test_the_folder_verifies_and_its_engine_hears_what_torch_hears(trained, audio, tmp_path):
    checkpoint, model = trained
    folder = make(checkpoint, tmp_path / "out", audio)
    folder.verify()
    assert (folder.info.label, folder.info.max_samples) == ("little@3", 1499 * 20 + 30)
    graphs = ("front.onnx", "encoder.int8.onnx")
    assert folder.manifest.graphs == graphs
    assert {*folder.manifest.files} <= {*CHECKPOINT_FILES, *graphs, "model.safetensors"}
    with torch.inference_mode():
        logits = model(torch.from_numpy(audio)[None]).logits[0].numpy()
    heard = OnnxAcousticModel.load(folder).log_probs(audio)
    assert shrink.divergence_nats([log_softmax(logits)], [heard]) < 0.01


def test_the_half_precision_weights_load_again(trained, audio, tmp_path):
    checkpoint, model = trained
    make(checkpoint, tmp_path / "out", audio)
    again = export.load_torch(tmp_path / "out")
    with torch.inference_mode():
        outputs = [m(torch.from_numpy(audio)[None]).logits for m in (model, again)]
    assert torch.allclose(*outputs, atol=0.02)


def test_the_smaller_graph_is_smaller(trained, audio, tmp_path):
    checkpoint, model = trained
    folder = make(checkpoint, tmp_path / "out", audio)
    whole = 4 * sum(p.numel() for p in model.parameters())
    assert sum(path.stat().st_size for path in folder.graph_paths) < whole * 0.75


def test_a_graph_whose_features_do_not_keep_stays_whole(shipped, tmp_path):
    (tmp_path / "whole.onnx").write_bytes(b"a graph")
    info = dataclasses.replace(shipped.info, local_features=False)
    [placed] = export.place_graphs(tmp_path / "whole.onnx", tmp_path, info)
    assert placed.name == "model.int8.onnx"
    assert placed.read_bytes() == b"a graph"


class Scripted:
    """Writes one letter, or none."""

    def __init__(self, info, letter_id):
        self.info = info
        self.letter_id = letter_id

    def log_probs(self, samples):
        logits = np.zeros((3, len(self.info.vocabulary.letters)), dtype=np.float32)
        logits[:, self.letter_id] = 9
        return log_softmax(logits)


def test_a_graph_that_hears_worse_is_refused(shipped, audio):
    letters = shipped.info.vocabulary
    right, deaf = (Scripted(shipped.info, i) for i in (letters.ids["A"], letters.blank_id))
    spoken = [export.Recording(audio, "a")]
    assert export.gate("table", spoken, right, right).wer_shipped == 0
    with pytest.raises(ModelError, match="hears worse on table"):
        export.gate("table", spoken, right, deaf)


def test_a_weight_that_moves_the_output_is_sensitive(audio):
    calibration = shrink.Calibration([audio])
    reference = [log_softmax(np.zeros((3, 2), dtype=np.float32))]
    moved = log_softmax(np.array([[0.2, 0], [0, 0], [0, 0]], dtype=np.float32))
    assert not calibration.sensitive(reference, lambda _: reference[0])
    assert calibration.sensitive(reference, lambda _: moved)
