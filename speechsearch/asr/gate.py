"""Whether what was heard is speech at all, and whether it is sure enough to search with.

A CTC model is silent on most noise; where it is not, it writes a few letters that it does not
believe in. So two features of the greedy hypothesis suffice, its letters and its confidence, and
the fewer letters there are, the surer each has to be: "go" at 0.98 is a word, "it" at 0.8 a sneeze.
"""

from __future__ import annotations

from dataclasses import dataclass

from speechsearch.types import Hypothesis


@dataclass(frozen=True, slots=True)
class GateOptions:
    """The confidence needed is ``floor + short / letters``.

    Chosen for the embedded model on 963 recordings of ``train.tsv``, random pieces of 0.5 to 1.2 s
    of them and the 209 noise clips of ``noise.tsv`` (5 s windows of the long ones); the evaluation
    tables were then counted. Of the noise clips, 1 passes as speech and none is searched behind
    Silero VAD (0.5, at least 100 ms); without any detector 6 and 1. White, pink and brown noise,
    hum, tones, beeps and clicks at four levels (145): none passes. Utterances taken for noise: 0 of
    1,100 phrases, 324 commands, 78 of ``speech.tsv``; too unsure to search: 1 phrase (2 when cut by
    the detector). Pieces cut blindly out of a sentence, pauses and half words among them: of 0.8 s,
    11 % of ``train.tsv`` (3 % have no letter at all) and 0.3 % of the commands are taken for noise.
    Another model needs its own numbers.
    """

    speech_floor: float = 0.45
    speech_short: float = 0.5
    search_floor: float = 0.55
    search_short: float = 0.6


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the sound was taken for."""

    is_speech: bool
    searchable: bool
    reason: str


class Gate:
    """Judges hypotheses."""

    def __init__(self, options: GateOptions | None = None) -> None:
        self._options = options or GateOptions()

    def judge(self, hypothesis: Hypothesis) -> Verdict:
        """Speech, speech too unsure to search, or none; the reason says which rule decided."""
        options = self._options
        letters = sum(len(word.word) for word in hypothesis.words)
        if letters == 0:
            return Verdict(False, False, "no letters were heard")
        heard = f"{letters} letters heard with confidence {hypothesis.confidence:.2f}"
        if hypothesis.confidence < options.speech_floor + options.speech_short / letters:
            return Verdict(False, False, f"{heard}: taken for noise")
        if hypothesis.confidence < options.search_floor + options.search_short / letters:
            return Verdict(True, False, f"{heard}: speech, too unsure to search")
        return Verdict(True, True, f"{heard}: speech")
