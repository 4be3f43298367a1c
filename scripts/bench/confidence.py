"""Calibrate the answer's confidence on half of the speakers, measure it on the others.

Every recording of ``phrases.tsv`` is answered from all distinct sentences of its corpus (model and
ranking in process, whole files), and once more with its own sentence taken out, which counts as
one answer in ten: a catalogue does not hold everything. ``shipped``: the map in
``asr/confidence.py``, on the speakers that it was not made of.

    scripts/bench_confidence
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from speechsearch.asr.confidence import (
    AnswerCalibration,
    AnswerFeatures,
    answer_confidence,
    answer_features,
    calibrate,
    calibration_error,
    reliability,
)
from speechsearch.asr.ctc import greedy
from speechsearch.asr.folder import find_model
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.audio.player import read_audio
from speechsearch.config import default_models_dir
from speechsearch.search.embedded import EmbeddedIndex, build_index
from speechsearch.search.ranking import Ranker, RankingOptions
from speechsearch.types import Entry

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ABSENT_SHARE = 0.1
RANKING = replace(RankingOptions(), floor=0.0, offered=0.0)


@dataclass(frozen=True)
class Answer:
    """What was known of one answer, and whether it was right."""

    features: AnswerFeatures
    is_right: bool
    is_absent: bool
    half: int

    @property
    def weight(self) -> float:
        """How much it counts."""
        return ABSENT_SHARE if self.is_absent else 1 - ABSENT_SHARE


def rows(table: str) -> list[dict[str, str]]:
    """The rows of one of the tables."""
    with (DATA / table).open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def answers(model: OnnxAcousticModel) -> Iterator[Answer]:
    """Two answers to every recording."""
    phrases = rows("phrases.tsv")
    sentences = {row["transcript"] for row in phrases} | {
        row["transcript"] for row in rows("train.tsv") if "speechocean" in row["path"]
    }
    speakers = sorted({row["speaker"] for row in phrases})
    letters = model.info.vocabulary
    with tempfile.TemporaryDirectory() as folder:
        build_index([Entry(s, s) for s in sorted(sentences)], Path(folder) / "index")
        index = EmbeddedIndex.open(Path(folder) / "index")
        ranker = Ranker(index, {**letters.ids, " ": letters.delimiter_id}, RANKING)
        ranker.warm_up()
        for row in phrases:
            log_probs = model.log_probs(read_audio(DATA / row["path"]))
            heard = greedy(log_probs, letters, model.info.timing)
            hits = ranker.rank(heard.text, log_probs)
            others = [hit for hit in hits if hit.id != row["transcript"]]
            for found, is_absent in ((hits, False), (others, True)):
                if found:
                    yield Answer(
                        answer_features(found, heard), found[0].id == row["transcript"], is_absent,
                        speakers.index(row["speaker"]) % 2,
                    )  # fmt: skip


def fitted(chosen: list[Answer]) -> AnswerCalibration:
    """The map made of these answers."""
    return calibrate(
        [a.features for a in chosen], [a.is_right for a in chosen], [a.weight for a in chosen]
    )


def judged(chosen: list[Answer], calibration: AnswerCalibration) -> dict[str, Any]:
    """How well the map does on these answers."""
    present = [a for a in chosen if not a.is_absent]
    absent = [answer_confidence(a.features, calibration) for a in chosen if a.is_absent]
    confidences = [answer_confidence(a.features, calibration) for a in present]
    curve = reliability(confidences, [a.is_right for a in present])
    return {
        "n": len(present),
        "ece": round(calibration_error(curve), 4),
        "accuracy": round(sum(a.is_right for a in present) / len(present), 4),
        "confidence": round(sum(confidences) / len(present), 4),
        "confidence_where_absent": round(sum(absent) / len(absent), 4),
        "curve": [asdict(one) for one in curve],
    }


def show(name: str, report: dict[str, Any]) -> None:
    """One measurement, for a person."""
    print(
        f"{name}: n {report['n']}  ECE {report['ece']:.3f}  right {report['accuracy']:.3f}  "
        f"confidence {report['confidence']:.3f}, {report['confidence_where_absent']:.3f} where the "
        "sentence is not there"
    )
    for one in report["curve"]:
        print(f"    {one['count']:5}  said {one['confidence']:.2f}  right {one['accuracy']:.2f}")


def main() -> None:
    """Calibrate both ways round, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    model = OnnxAcousticModel.load(find_model("w2v2-starter", [default_models_dir()]), 1)
    every = list(answers(model))
    halves = [[a for a in every if a.half == half] for half in (0, 1)]
    report: dict[str, Any] = {"shipped": judged(halves[1], AnswerCalibration())}
    show("shipped, other speakers", report["shipped"])
    for half in (0, 1):
        calibration = fitted(halves[half])
        measured = judged(halves[1 - half], calibration)
        report[f"made_of_half_{half}"] = {"calibration": asdict(calibration), **measured}
        print(calibration)
        show(f"made of half {half}, measured on the other", measured)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
