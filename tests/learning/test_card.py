"""A model's card says what it is, how it hears whom, and where it comes from."""

from pathlib import Path

import msgspec

from speechsearch.asr.folder import GateResult, ModelFolder
from speechsearch.asr.tokens import read_json
from speechsearch.learning.card import ORIGIN, Group, Measured, architecture, card, origin_of
from speechsearch.learning.measures import Bootstrap, figures
from tests.learning.made import outcome

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "w2v2-starter"


def made(origin="MIT License. Copyright (c) 2022 OpenAI."):
    manifest = msgspec.structs.replace(
        ModelFolder.open(SHIPPED).manifest,
        word_error_rate=[GateResult("speech", 78, 0.6257, 0.6292, 0.2585, 0.258)],
    )
    rows = [outcome("the red hose", name=f"{n}", speaker=f"s{n % 3}") for n in range(9)]
    alone = [outcome(name="x", speaker="s")]
    groups = [
        Group("speech", "all", figures(rows, Bootstrap(50))),
        Group("speech", "in a room", figures(alone, Bootstrap(50))),
    ]
    measured = Measured(groups, 50, "Hearing takes 9 ms.", "speechsearch models card x")
    return card(manifest, read_json(SHIPPED / "config.json"), measured, origin)


def test_it_says_what_it_is_and_what_it_must_not_be_used_for():
    text = made()
    assert text.startswith("# w2v2-starter\n")
    assert "9.6 M parameters" in text
    assert "## What it must not be used for" in text
    assert "for any decision about a person" in text.replace("\n", " ")


def test_it_says_how_whom_it_hears_with_intervals_only_where_there_are_speakers():
    text = made()
    assert "| speech | all | 9 | 3 | 0.333 (0.333 to 0.333) | 0.077 (0.077 to 0.077) |" in text
    assert "| speech | in a room | 1 | 1 | 0.000 | 0.000 |" in text
    assert "| speech | 78 | 0.6257 | 0.6292 | 0.2585 | 0.2580 |" in text
    assert "speechsearch models card x" in text


def test_the_origin_and_its_notice_travel_from_card_to_card():
    first = made("Layers: Whisper tiny.en.\n\nMIT License. Copyright (c) 2022 OpenAI.")
    second = made(origin_of(first))
    third = made(origin_of(second))
    assert second == third
    assert third.count("Copyright (c) 2022 OpenAI") == 1
    assert third.count(ORIGIN) == 1


def test_the_origin_of_a_card_that_has_no_such_part_is_all_of_it():
    assert (
        origin_of("# little\n\nMade by hand.\n# More\n") == "### little\n\nMade by hand.\n### More"
    )
    shipped = origin_of((SHIPPED / "README.md").read_text(encoding="utf-8"))
    assert "Whisper tiny.en" in shipped
    assert "Copyright (c) 2022 OpenAI" in shipped
    assert "## Measured" not in shipped


def test_the_architecture_is_read_from_the_configuration():
    text = architecture(read_json(SHIPPED / "config.json"))
    assert "400 wide, step 160, 512 channels" in text
    assert "4 transformer layers of 384 with 6 heads" in text
    assert "sinusoidal positions" in text
    assert "sinusoidal" not in architecture({"architectures": ["HubertForCTC"]})
