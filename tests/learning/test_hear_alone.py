"""What a model alone hears, group by group, and what becomes of it in noise."""

from pathlib import Path

import pytest

from speechsearch.asr.folder import ModelFolder
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.learning.conditions import Condition, ConditionOptions
from speechsearch.learning.hear_alone import Table, conditions, hear_alone, measure, speed_ms
from speechsearch.learning.measures import Bootstrap
from speechsearch.learning.table import read_table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model():
    return OnnxAcousticModel.load(ModelFolder.open(ROOT / "models" / "w2v2-starter"), threads=1)


@pytest.fixture(scope="module")
def table():
    rows = [row for row in read_table(ROOT / "audio_fixtures" / "manifest.tsv") if row.transcript]
    return Table("fixtures", rows[:4])


def test_each_table_comes_whole_then_by_group_then_changed(model, table):
    changes = {"loud noise": Condition(ConditionOptions(snr_db=-15.0, seed=1))}
    done = []
    groups = measure(model, [table], changes, Bootstrap(20), done.append)
    assert (groups[0].table, groups[0].name) == ("fixtures", "all")
    assert groups[-1].name == "loud noise"
    assert groups[0].figures["n"] == 4
    assert groups[-1].figures["cer"] > groups[0].figures["cer"]
    assert done == list(range(1, 9))


def test_what_is_heard_is_compared_with_what_was_said(model, table):
    outcomes = list(hear_alone(model, table.rows, Condition(ConditionOptions())))
    assert [o.recording for o in outcomes] == table.rows
    assert all(o.heard.text and o.seconds > 0.5 for o in outcomes)


def test_rooms_are_only_looked_at_where_there_are_some():
    assert list(conditions("pink", "")) == ["with noise at 10 dB"]


def test_the_speed_is_a_time(model, table):
    assert speed_ms(model, [table]) > 0
