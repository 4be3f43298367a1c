"""Observations that were never heard."""

import numpy as np

from speechsearch.monitoring.observation import METRICS, Observation, Versions
from speechsearch.monitoring.sound import POOLED

USUAL = {
    "level_dbfs": (-24, 5, 2), "snr_db": (40, 8, 3), "clipping_share": (0, 0, 0),
    "dc_share": (0.001, 0.0002, 0.0002), "band_limit_hz": (7500, 400, 200),
    "centroid_hz": (1800, 500, 400), "pitch_hz": (190, 45, 10), "speech_share": (0.68, 0.05, 0.08),
    "speech_s": (2.5, 0.8, 0.7), "speaking_rate_hz": (9, 2, 1.5), "confidence": (0.85, 0.03, 0.06),
    "blank_share": (0.65, 0.07, 0.05), "null_transcript": (0.0, 0, 0),
    "answer_confidence": (0.96, 0.005, 0.03), "zero_results": (0.0, 0, 0),
    "score_gap": (0.7, 0.08, 0.3), "unknown_words_share": (0.05, 0.01, 0.1),
    "redone": (0.1, 0.01, 0.05), "typed": (0.0, 0, 0), "abandoned": (0.0, 0, 0),
    "clicked": (0.8, 0.02, 0.1),
}  # fmt: skip
"""Mean, deviation between speakers, and within"""


NOTHING_KNOWN = Versions()


class Population:
    """Speakers drawn from one distribution; ``shift`` moves metrics by so much, ``set`` fixes."""

    def __init__(self, seed, speakers=14, first=0):
        self.random = np.random.default_rng([seed, first])
        self.names = [f"speaker {first + n}" for n in range(speakers)]
        self.middles = {
            name: {
                metric: mean + between * self.random.standard_normal()
                for metric, (mean, between, _) in USUAL.items()
            }
            for name in self.names
        }  # fmt: skip
        self.pooled = {name: self.random.standard_normal(POOLED) for name in self.names}

    def say(self, count, versions=NOTHING_KNOWN, shift=(), fix=()):
        said = []
        for n in range(count):
            name = self.names[int(self.random.integers(len(self.names)))]
            values = {
                m: self.middles[name][m] + within * self.random.standard_normal()
                for m, (_, _, within) in USUAL.items()
            }
            values |= {"model_level_dbfs": 0.0, "model_gain_db": 24.0, "model_dc_share": 0.0}
            for metric, by in dict(shift).items():
                values[metric] += by
            for metric, make in dict(fix).items():
                values[metric] = make(self.random, n)
            pooled = self.pooled[name] + 0.5 * self.random.standard_normal(POOLED)
            said.append(
                Observation(
                    session=name, pooled=tuple(map(float, pooled)), duration_s=3.5,
                    versions=versions, **{m: float(v) for m, v in values.items()},
                )
            )  # fmt: skip
        return said


assert set(USUAL) | {"child_voice", "model_level_dbfs"} == {metric.name for metric in METRICS}
