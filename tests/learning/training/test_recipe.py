"""Recipes: what they may say, and what is said of those that may not."""

from pathlib import Path

import pytest

from speechsearch.errors import RecipeError
from speechsearch.learning.training.recipe import read_recipe

RECIPES = Path(__file__).resolve().parents[3] / "speechsearch" / "learning" / "recipes"
LEAST = 'start = "m"\n[[speech]]\ntable = "t.tsv"\n'


def write(tmp_path, text):
    path = tmp_path / "r.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_recipe_and_names_stay_names(tmp_path):
    (tmp_path / "here").mkdir()
    read = read_recipe(write(tmp_path, LEAST.replace('"m"', '"here"')))
    assert (read.start, read.out) == (str(tmp_path / "here"), str(tmp_path / "r"))
    assert read.speech[0].table == str(tmp_path / "t.tsv")
    assert read_recipe(write(tmp_path, LEAST)).start == "m"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "r.toml"),
        ('start = "m"\nspeech = []', "no speech"),
        (LEAST + "tables = 1", "tables"),
        (LEAST + "times = -1", "times"),
        (LEAST + "teacher = 1", "no teacher"),
        (LEAST + "letters = 0", "nothing is learned"),
        (LEAST + "[augment]\nsnr_db = [20, 3]", "snr_db"),
        (LEAST + "[augment]\nspeeds = [0.1]", "speeds"),
        (LEAST + "[optimiser]\nsteps = 0", "steps"),
        ('seed = "x"\n' + LEAST, "seed"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, text, said):
    with pytest.raises(RecipeError, match=said):
        read_recipe(write(tmp_path, text))


def test_a_recipe_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")


def test_the_fingerprint_changes_with_what_is_made_and_not_with_how_it_is_watched(tmp_path):
    prints = [
        read_recipe(write(tmp_path, text)).fingerprint
        for text in (
            LEAST,
            "samples = 9\nsave_every_s = 1\n" + LEAST,
            LEAST + '[[watch]]\nname = "w"\ntable = "w.tsv"',
            "seed = 1\n" + LEAST,
            LEAST + "[optimiser]\nsteps = 7",
        )
    ]
    assert prints[0] == prints[1] == prints[2]
    assert len({*prints}) == 3


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_every_recipe_of_the_package_can_be_read(path):
    read_recipe(path)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_no_recipe_learns_from_a_table_of_the_evaluation(path):
    kept_apart = {"speech", "phrases", "commands", "vad"}
    assert not kept_apart & {Path(part.table).stem for part in read_recipe(path).speech}
