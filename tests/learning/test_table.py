import pytest

from speechsearch.errors import TableError
from speechsearch.learning.table import draw, read_table


def write(tmp_path, text):
    table = tmp_path / "table.tsv"
    table.write_text(text)
    return table


def test_paths_are_relative_to_the_table_and_every_column_is_kept(tmp_path):
    table = write(tmp_path, "path\ttranscript\titem\tage\na/b.wav\tHello  \t7\t12\n")
    [row] = read_table(table)
    assert row.path == tmp_path / "a/b.wav"
    assert (row.name, row.transcript, row.item) == ("a/b.wav", "Hello", "7")
    assert row.columns["age"] == "12"


def test_the_fixtures_manifest_is_such_a_table(fixtures):
    rows = read_table(fixtures.recordings[0].path.parent / "manifest.tsv")
    assert [(row.transcript, row.item) for row in rows] == [
        (one.text, one.item) for one in fixtures.recordings
    ]
    assert all(row.path.is_file() for row in rows)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file\ttext\na.wav\thello\n", "no column path"),
        ("path\ttranscript\n", "no recordings"),
        ("path\ttranscript\na.wav\n", "table.tsv:2: not as many columns"),
        ("path\ttranscript\na.wav\tx\ty\n", "table.tsv:2: not as many columns"),
        ("path\ttranscript\n\thello\n", "table.tsv:2: no path"),
        ('path\ttranscript\n"a\t\n', "cannot be read"),
    ],
)
def test_a_table_that_does_not_fit_is_said_with_its_line(tmp_path, text, said):
    with pytest.raises(TableError, match=said):
        read_table(write(tmp_path, text))


def test_a_table_that_is_not_there_or_no_text_is_said(tmp_path):
    (tmp_path / "sound.tsv").write_bytes(b"path\n\xff\xfe\n")
    for name in ("sound.tsv", "none.tsv"):
        with pytest.raises(TableError, match=name):
            read_table(tmp_path / name)


def test_a_part_is_the_same_for_a_seed_and_in_the_tables_order(tmp_path):
    rows = read_table(write(tmp_path, "path\n" + "\n".join(map(str, range(50))) + "\n"))
    part = draw(rows, 10, seed=1)
    assert part == draw(rows, 10, seed=1) != draw(rows, 10, seed=2)
    assert [int(row.name) for row in part] == sorted(int(row.name) for row in part)
    assert draw(rows, None, 0) == draw(rows, 50, 0) == rows
