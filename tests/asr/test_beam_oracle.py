"""Our beam against that of flashlight-text: lexicon-free, paths summed, no language model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from speechsearch.asr.beam import BeamDecoder, BeamOptions
from tests.asr.letters import TIMING, VOCABULARY, log_probs

flashlight = pytest.importorskip(
    "flashlight.lib.text.decoder", reason="flashlight-text is not here ([dev] extra)"
)
PREFIXES = 5000
BLANK, DELIMITER = VOCABULARY.blank_id, VOCABULARY.delimiter_id


def read(table):
    """Text -> log-probability, of all texts that flashlight's beam holds at the end."""
    options = flashlight.LexiconFreeDecoderOptions(
        beam_size=PREFIXES, beam_size_token=table.shape[1], beam_threshold=1e9,
        lm_weight=0.0, sil_score=0.0, log_add=True, criterion_type=flashlight.CriterionType.CTC,
    )  # fmt: skip
    oracle = flashlight.LexiconFreeDecoder(options, flashlight.ZeroLM(), DELIMITER, BLANK, [])
    emissions = np.ascontiguousarray(table, np.float32)
    found = {}
    for result in oracle.decode(emissions.ctypes.data, *emissions.shape):
        text = folded(result.tokens[1:-1])
        found[text] = np.logaddexp(found.get(text, -np.inf), result.score)
    return found


def folded(tokens):
    kept = [t for i, t in enumerate(tokens) if t != BLANK and (i == 0 or t != tokens[i - 1])]
    return " ".join("".join(VOCABULARY.letters[t] for t in kept).replace("|", " ").split())


@settings(max_examples=60)
@given(log_probs(most_frames=7))
def test_texts_and_their_sums_are_those_of_flashlight(table):
    options = BeamOptions(prefixes=PREFIXES, behind_nats=1e9, letter_nats=1e9, readings=8)
    ours = BeamDecoder(VOCABULARY, TIMING, options=options).decode(table)
    theirs = read(table) if len(table) else {"": 0.0}
    best = sorted(theirs.values(), reverse=True)[: len(ours)]
    assert [r.log_prob for r in ours] == pytest.approx(best, abs=1e-3)
    for reading in ours:
        assert theirs[reading.hypothesis.text] == pytest.approx(reading.log_prob, abs=1e-3)


def test_longer_sound_is_read_alike(model, fixtures):
    """A real recording and the shipped model's letters: the best text and its sum."""
    from speechsearch.audio.player import read_audio

    vocabulary = model.info.vocabulary
    table = model.log_probs(read_audio(fixtures.queries[0].path))
    hidden = sorted(vocabulary.hidden_ids - {vocabulary.blank_id})
    table[:, hidden] = -1e4
    options = flashlight.LexiconFreeDecoderOptions(
        beam_size=400, beam_size_token=len(vocabulary.letters), beam_threshold=50, lm_weight=0.0,
        sil_score=0.0, log_add=True, criterion_type=flashlight.CriterionType.CTC,
    )  # fmt: skip
    oracle = flashlight.LexiconFreeDecoder(
        options, flashlight.ZeroLM(), vocabulary.delimiter_id, vocabulary.blank_id, []
    )
    best = oracle.decode(table.ctypes.data, *table.shape)[0]
    tokens = best.tokens[1:-1]
    kept = [t for i, t in enumerate(tokens) if i == 0 or t != tokens[i - 1]]
    text = "".join(vocabulary.letters[t] for t in kept if t != vocabulary.blank_id)
    wide = BeamOptions(prefixes=400, behind_nats=50, letter_nats=50)
    ours = BeamDecoder(vocabulary, model.info.timing, options=wide).decode(table)[0]
    assert ours.hypothesis.text == " ".join(text.replace("|", " ").lower().split())
    assert ours.log_prob >= best.score - 1e-3
