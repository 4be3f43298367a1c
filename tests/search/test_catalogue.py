import json

import pytest

from speechsearch.errors import CatalogueError
from speechsearch.search.catalogue import demo_catalogue, read_catalogue


def catalogue(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_demo_books_are_many_whole_and_distinct():
    read = read_catalogue(demo_catalogue())
    assert read.bad == ()
    assert len(read.entries) >= 500
    assert all({"author", "year", "subjects"} <= entry.fields.keys() for entry in read.entries)
    titles = [(entry.title, entry.fields["author"]) for entry in read.entries]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_whatever_separates_its_columns(tmp_path, delimiter):
    rows = [["id", "title", "year"], ["1", "Emma", "1815"], ["2", "Dracula", "1897"]]
    path = catalogue(tmp_path, "books.csv", "\n".join(delimiter.join(row) for row in rows))
    read = read_catalogue(path)
    assert [(entry.id, entry.title, entry.fields) for entry in read.entries] == [
        ("1", "Emma", {"year": "1815"}),
        ("2", "Dracula", {"year": "1897"}),
    ]


def test_json_lines_keep_all_fields(tmp_path):
    row = {"id": 7, "title": "Emma", "aliases": ["E"], "url": "https://e", "tags": ["a", "b"]}
    (entry,) = read_catalogue(catalogue(tmp_path, "b.jsonl", json.dumps(row))).entries
    assert (entry.id, entry.aliases, entry.url) == ("7", ("E",), "https://e")
    assert entry.fields == {"tags": ["a", "b"]}


def test_bad_rows_are_named_with_their_line_and_the_others_are_kept(tmp_path):
    lines = [
        '{"id": 1, "title": "Emma"}',
        "{broken",
        '{"id": 2}',
        '{"title": "No id"}',
        '{"id": 1, "title": "Twice"}',
        "[]",
        json.dumps({"id": 9, "title": "x" * 501}),
        '{"id": 3, "title": "Dracula"}',
    ]
    read = read_catalogue(catalogue(tmp_path, "b.jsonl", "\n".join(lines)))
    assert [entry.title for entry in read.entries] == ["Emma", "Dracula"]
    assert [row.line for row in read.bad] == [2, 3, 4, 5, 6, 7]
    assert all(row.reason for row in read.bad)


def test_a_line_that_is_no_utf_8_is_a_bad_row(tmp_path):
    path = catalogue(tmp_path, "b.csv", b"id,title\n1,Emma\n2,\xff\xfe\n3,Dracula\n")
    read = read_catalogue(path)
    assert [entry.id for entry in read.entries] == ["1", "3"]
    assert [row.line for row in read.bad] == [3]


def test_progress_counts_every_row(tmp_path):
    seen = []
    read_catalogue(catalogue(tmp_path, "b.csv", "id,title\n1,Emma\n,\n"), seen.append)
    assert seen == [1, 2]


@pytest.mark.parametrize(
    "text", ["", "name,year\nEmma,1815\n", "just words\n", "id,title\n1,\n,Emma\n"]
)
def test_a_file_without_id_and_title_is_no_catalogue(tmp_path, text):
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(catalogue(tmp_path, "b.csv", text))
    assert "title" in str(caught.value)
