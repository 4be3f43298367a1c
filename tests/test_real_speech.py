"""Human speech and real noise through the whole product: a sample of what benchmarks measure."""

import csv
import json
import subprocess

import pytest

from tests.serving import COMMAND

EVERY = 5


@pytest.fixture(scope="module")
def sentences(shared_data):
    with (shared_data / "speech.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [row for row in rows if float(row["seconds"]) < 10]


def query(index, paths):
    """Objects of each path."""
    ran = subprocess.run(
        [*COMMAND, "query", *map(str, paths), "--index", index, "--json", "--speed", "0"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = {str(path): [] for path in paths}
    for line in ran.stdout.splitlines():
        answer = json.loads(line)
        found[answer["file"]].append(answer)
    return found


@pytest.fixture(scope="module")
def index(sentences, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sentences")
    lines = [json.dumps({"id": row["path"], "title": row["transcript"]}) for row in sentences]
    (folder / "catalogue.jsonl").write_text("\n".join(lines))
    command = [*COMMAND, "index", folder / "catalogue.jsonl", "--out", folder / "index"]
    subprocess.run(command, capture_output=True, check=True)
    return folder / "index"


def test_read_sentences_find_themselves_among_each_other(shared_data, sentences, index):
    chosen = sentences[::EVERY]
    found = query(index, [shared_data / row["path"] for row in chosen])
    right = 0
    for row in chosen:
        answers = found[str(shared_data / row["path"])]
        longest = max(answers, key=lambda answer: len(answer["text"]))
        right += [hit["id"] for hit in longest["hits"]][:1] == [row["path"]]
    assert right >= 0.8 * len(chosen)


def test_clips_of_noise_search_nothing(shared_data, index):
    with (shared_data / "noise.tsv").open(newline="") as file:
        clips = [
            row["path"] for row in csv.DictReader(file, delimiter="\t") if row["kind"] != "rir"
        ]
    found = query(index, [shared_data / path for path in clips[:: 2 * EVERY]])
    assert [answer for answers in found.values() for answer in answers if answer["hits"]] == []
