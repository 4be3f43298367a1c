"""What a model is set to before it learns."""

import pytest

from speechsearch.learning.training.recipe import Augment

torch = pytest.importorskip("torch", reason="needs the [torch] extra")
pytest.importorskip("torchaudio", reason="needs the [torch] extra")
positioned = pytest.importorskip("speechsearch.asr.positioned")
objective = pytest.importorskip("speechsearch.learning.training.objective")


@pytest.fixture
def model(little):
    return positioned.load_torch(little)


def test_dropout_leaves_what_runs_from_layer_to_layer_alone(model):
    before = model.wav2vec2.encoder.dropout.p, model.wav2vec2.encoder.layers[0].dropout.p
    objective.prepare(model, Augment(dropout=0.35))
    layer = model.wav2vec2.encoder.layers[0]
    assert model.dropout.p == layer.feed_forward.intermediate_dropout.p == 0.35
    assert layer.attention.dropout == 0.35
    assert (model.wav2vec2.encoder.dropout.p, layer.dropout.p) == before
    assert 0.35 not in before
    assert model.config.hidden_dropout != 0.35


def test_what_is_not_given_stays_as_the_model_was_configured(model):
    before = [module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    objective.prepare(model, Augment())
    assert before == [m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)]


def test_only_what_is_masked_gets_a_weight_for_it(model):
    assert objective.prepare(model, Augment(time_masks=0.0)) == []
    assert objective.prepare(model, Augment(time_masks=0.1)) == ["wav2vec2.masked_spec_embed"]
