import json
import subprocess

import pytest

from tests.serving import COMMAND

KEYS = {
    "file", "utterance", "text", "confidence", "answer_confidence", "words", "hits", "timings_ms",
    "model", "ear", "endpoint_reason", "continues",
}  # fmt: skip


def query(*arguments):
    return subprocess.run(
        [*COMMAND, "query", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


@pytest.fixture(scope="module")
def spoken(fixtures, server):
    """Every spoken fixture's objects, by file."""
    files = [recording.path for recording in fixtures.queries]
    ran = query(*files, "--json", "--speed", "0", "--server", server.url)
    assert ran.returncode == 0, ran.stderr
    found = {str(path): [] for path in files}
    for line in ran.stdout.splitlines():
        answer = json.loads(line)
        found[answer["file"]].append(answer)
    return found


def test_nearly_every_spoken_fixture_finds_its_book_on_top(fixtures, spoken):
    missed = [
        (query.text, [hit["title"] for answer in spoken[str(query.path)] for hit in answer["hits"]])
        for query in fixtures.queries
        if query.item
        not in {hit["id"] for answer in spoken[str(query.path)] for hit in answer["hits"][:1]}
    ]
    assert len(missed) <= len(fixtures.queries) // 10, missed


def test_every_object_has_every_key_and_its_numbers_make_sense(fixtures, spoken):
    for recording in fixtures.queries:
        for answer in spoken[str(recording.path)]:
            assert answer.keys() == KEYS
            assert 0 <= answer["confidence"] <= 1
            assert answer["ear"] == "ctc"
            assert answer["continues"] in (None, *range(1, answer["utterance"]))
            assert answer["endpoint_reason"] == "silence"
            assert answer["timings_ms"]["endpoint"] >= 224
            for word, following in zip(answer["words"], answer["words"][1:], strict=False):
                assert 0 <= word["start_s"] < word["end_s"] <= following["end_s"]
            assert " ".join(word["word"] for word in answer["words"]) == answer["text"]
            scores = [hit["score"] for hit in answer["hits"]]
            assert scores == sorted(scores, reverse=True)
            assert all(hit.keys() == {"id", "title", "score"} for hit in answer["hits"])


def test_silence_and_noise_find_nothing(fixtures, server):
    files = [recording.path for recording in fixtures.empty]
    ran = query(*files, "--json", "--speed", "0", "--server", server.url)
    assert ran.returncode == 0, ran.stderr
    for line in ran.stdout.splitlines():
        answer = json.loads(line)
        assert (answer["text"], answer["hits"]) == ("", [])


def test_a_file_that_cannot_be_read_is_said_and_the_others_are_answered(fixtures, server, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_text("not sound")
    good = fixtures.queries[0].path
    ran = query(broken, good, "--json", "--speed", "0", "--server", server.url)
    assert ran.returncode == 1
    assert "broken.wav" in ran.stderr
    assert json.loads(ran.stdout)["file"] == str(good)


def test_a_file_is_named_exactly_as_it_was_given(fixtures, server, tmp_path):
    (tmp_path / "a.flac").symlink_to(fixtures.queries[0].path)
    given = f"{tmp_path}/./a.flac"
    ran = query(given, "--json", "--speed", "0", "--server", server.url)
    assert json.loads(ran.stdout)["file"] == given


def test_a_server_that_is_not_there_is_said(fixtures):
    ran = query(fixtures.queries[0].path, "--speed", "0", "--server", "ws://127.0.0.1:9")
    assert ran.returncode == 1
    assert "nobody listens" in ran.stderr
    assert ran.stdout == ""


def test_without_a_server_a_private_one_answers_over_an_index_of_ones_own(fixtures, tmp_path):
    catalogue = tmp_path / "films.csv"
    rows = ["id,title,year", *(f'{n},"{one.text}",2000' for n, one in enumerate(fixtures.queries))]
    catalogue.write_text("\n".join(rows) + "\nbad,,1\n")
    index = tmp_path / "films"
    built = subprocess.run(
        [*COMMAND, "index", catalogue, "--out", index], capture_output=True, text=True, check=True
    )
    assert f"films.csv:{len(rows) + 1}" in built.stderr
    assert f"{len(rows) - 1} entries" in built.stdout
    ran = query(fixtures.queries[3].path, "--json", "--speed", "0", "--index", index)
    assert json.loads(ran.stdout)["hits"][0]["id"] == "3"


def test_a_model_or_an_index_that_is_not_there_is_said_by_name(fixtures):
    for option in ("--index", "--model"):
        ran = query(fixtures.queries[0].path, option, "no-such-thing")
        assert ran.returncode == 1
        assert "no-such-thing" in ran.stderr
        assert "Traceback" not in ran.stderr


def test_a_person_gets_text_and_titles_instead_of_json(fixtures, server):
    ran = query(fixtures.queries[0].path, "--speed", "0", "--server", server.url)
    assert "1. Pride and Prejudice" in ran.stdout
    assert "ms after the end of speech" in ran.stdout
