"""How well the answer's confidence can be believed: reliability curve and calibration error.

Every recording of ``phrases.tsv`` is answered from all distinct sentences of its corpus (model and
ranking in process, whole files); an answer is right when its first hit is the recording's own
sentence. Each half of the speakers apart.

    scripts/bench_confidence --json confidence.json
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from speechsearch.asr.ctc import greedy
from speechsearch.asr.folder import find_model
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.audio.player import read_audio
from speechsearch.config import default_models_dir
from speechsearch.learning.reliability import calibration_error, reliability
from speechsearch.search.embedded import EmbeddedIndex, build_index
from speechsearch.search.ranking import Ranker
from speechsearch.types import Entry

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def rows(table: str) -> list[dict[str, str]]:
    """Those of the corpus that both tables are of."""
    with (DATA / f"{table}.tsv").open(newline="") as file:
        found = list(csv.DictReader(file, delimiter="\t"))
    return [row for row in found if "speechocean" in row["source"]]


def main() -> None:
    """Answer all, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    asked = parser.parse_args()
    model = OnnxAcousticModel.load(find_model("w2v2-starter", [default_models_dir()]))
    letters = model.info.vocabulary
    phrases = rows("phrases")
    titles = sorted({row["transcript"] for row in (*rows("train"), *phrases)})
    speakers = sorted({row["speaker"] for row in phrases})
    answered: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        build_index([Entry(title, title) for title in titles], Path(folder) / "index")
        ranker = Ranker(
            EmbeddedIndex.open(Path(folder) / "index"),
            {**letters.ids, " ": letters.delimiter_id},
        )
        for row in phrases:
            log_probs = model.log_probs(read_audio(DATA / row["path"]))
            heard = greedy(log_probs, letters, model.info.timing)
            found = ranker.answer(heard.text, log_probs)
            if found.hits:
                half = f"half {speakers.index(row['speaker']) % 2 + 1}"
                right = found.hits[0].title == row["transcript"]
                for group in (half, "all"):
                    answered[group].append((found.confidence, right))
    report = {}
    for group, answers in sorted(answered.items()):
        curve = reliability(*zip(*answers, strict=True))
        report[group] = {
            "n": len(answers),
            "ece": round(calibration_error(curve), 4),
            "curve": [asdict(one) for one in curve],
        }
        print(group, "n", len(answers), "ECE", report[group]["ece"])
        for one in curve:
            print(f"  said {one.confidence:.2f}  right {one.accuracy:.2f}  n {one.count}")
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
