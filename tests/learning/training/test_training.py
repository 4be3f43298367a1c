"""A little model learns tones; killed at any moment, it goes on as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from speechsearch.errors import RecipeError, TrainingError
from speechsearch.learning.training.metrics import METRICS_FILE, read_metrics
from speechsearch.learning.training.recipe import Optimiser, read_recipe
from speechsearch.learning.training.run_folder import RESULT, alone

torch = pytest.importorskip("torch", reason="needs the [torch] extra")
for extra in ("torchaudio", "transformers", "safetensors"):
    pytest.importorskip(extra, reason="needs the [torch] extra")
training = pytest.importorskip("speechsearch.learning.training.training")
positioned = pytest.importorskip("speechsearch.asr.positioned")

ROOT = Path(__file__).resolve().parents[3]
STEPS = 60


class Spectator:
    def __init__(self):
        self.steps, self.tables, self.files, self.began_at = [], [], [], None

    def started(self, corpus, steps_done):
        self.corpus, self.began_at = corpus, steps_done

    def stepped(self, stepped):
        self.steps.append(stepped)

    def watched(self, step, tables):
        self.tables.append((step, tables))

    def saved(self, path):
        self.files.append(path)


def train(recipe, little, out=None, stop_after=None, teacher=None):
    if out:
        recipe = msgspec.structs.replace(recipe, out=str(out))
    spectator = Spectator()
    stop = (lambda: len(spectator.steps) >= stop_after) if stop_after else (lambda: False)
    made = training.Training(recipe, little, teacher).run(spectator, stop)
    return made, spectator


def curve(folder):
    return [
        (row["step"], row["loss"], row["gradient"], row["rate"], row["epoch"])
        for row in read_metrics(Path(folder) / METRICS_FILE)
        if row["kind"] == "step"
    ]


def weights(folder):
    return positioned.read_weights(folder)


def killed_after(recipe_file, metrics, lines):
    """A training of its own, SIGKILL as soon as there are so many lines, wherever it is then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "speechsearch", "train", str(recipe_file), "--device", "cpu"],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while len(read_metrics(metrics)) < lines:
            assert process.poll() is None, "it ended by itself"
            time.sleep(0.005)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL


def test_killed_with_9_in_the_middle_the_loss_curve_goes_on_where_it_was(
    recipe, recipe_file, little, tmp_path
):
    undisturbed, _ = train(recipe(steps=STEPS), little, tmp_path / "undisturbed")
    path = recipe_file(steps=STEPS, save=0.0001)
    killed_after(path, tmp_path / "run" / METRICS_FILE, lines=STEPS // 4)
    done = len(curve(tmp_path / "run"))
    assert 0 < done < STEPS, "it was not killed in the middle"
    _, going_on = train(read_recipe(path), little)
    assert 0 < going_on.began_at <= done
    assert curve(tmp_path / "run") == curve(tmp_path / "undisturbed")
    resumed = tmp_path / "run" / RESULT
    assert all(
        torch.equal(a, b)
        for a, b in zip(weights(undisturbed).values(), weights(resumed).values(), strict=True)
    )


def test_steps_that_were_made_after_the_last_state_are_made_again(recipe, little, tmp_path):
    rare = recipe(steps=12)
    _, first = train(rare, little, tmp_path / "run", stop_after=5)
    assert [path.name for path in first.files] == ["state-000000005.pt"]
    train(rare, little, tmp_path / "run", stop_after=3)  # saved at 8 …
    (tmp_path / "run" / "state-000000008.pt").unlink()  # … and lost, its steps being in the metrics
    made, second = train(rare, little, tmp_path / "run")
    assert made is not None
    assert second.began_at == 5
    train(rare, little, tmp_path / "undisturbed")
    assert curve(tmp_path / "run") == curve(tmp_path / "undisturbed")


class Ticking:
    """Every look at it takes half a second."""

    now_s = 0.0

    def __call__(self):
        self.now_s += 0.5
        return self.now_s


def test_a_training_of_minutes_ends_with_them_and_its_rates_with_it(recipe, little, tmp_path):
    timed = msgspec.structs.replace(
        recipe(), out=str(tmp_path / "run"), optimiser=Optimiser(minutes=0.5, warmup_steps=1)
    )
    first, rest = Spectator(), Spectator()
    stopped = training.Training(timed, little, None, clock=Ticking())
    assert stopped.run(first, lambda: len(first.steps) >= 8) is None
    made = training.Training(timed, little, None, clock=Ticking()).run(rest)
    steps = first.steps + rest.steps
    assert rest.began_at == 8
    assert steps[-2].worked_s < 30 <= steps[-1].worked_s
    assert steps[-1].left_s == 0
    rates = [step.rate for step in steps]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.05 * rates[0]
    assert f"{len(steps)} steps of" in (made / "README.md").read_text()


def test_it_learns(recipe, little, tmp_path):
    made, seen = train(recipe(steps=120), little, tmp_path / "run")
    first, last = seen.steps[0], seen.steps[-1]
    assert last.letters < first.letters / 2
    assert (last.step, last.left_s) == (120, 0)
    assert seen.tables[0][0] == 0
    assert seen.tables[-1][0] == 120
    assert seen.tables[-1][1][0].samples
    positioned.load_torch(made)
    assert "masked_spec_embed" not in " ".join(weights(made)), "it was added for training alone"


def test_the_teacher_holds_the_learner_back(recipe, little, tmp_path):
    free = recipe(steps=10)
    taught = msgspec.structs.replace(
        recipe(steps=10, teacher=50.0), augment=free.augment, optimiser=free.optimiser
    )
    alone, _ = train(free, little, tmp_path / "free")
    held, seen = train(taught, little, tmp_path / "taught", teacher=little)
    assert seen.steps[-1].teacher > 0
    start = weights(little)

    def moved(folder):
        now = weights(folder)
        return sum(float((now[name] - start[name]).norm()) for name in now if "lm_head" in name)

    assert moved(held) < moved(alone)


def test_a_part_with_rate_0_stays_as_it_was(recipe, little, tmp_path):
    frozen = msgspec.structs.replace(
        recipe(), optimiser=Optimiser(steps=3, batch_s=2.5, front_rate=0, letters_rate=0.1)
    )
    made, _ = train(frozen, little, tmp_path / "run")
    before, after = weights(little), weights(made)
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in same if "feature" in name} == {n for n in before if "feature" in n}
    assert "lm_head.weight" not in same


def test_of_the_weights_begun_with_as_much_comes_out_as_the_recipe_keeps(recipe, little, tmp_path):
    def trained(keep):
        options = msgspec.structs.replace(recipe(steps=3).optimiser, keep=keep)
        kept = msgspec.structs.replace(recipe(steps=3), optimiser=options)
        return weights(train(kept, little, tmp_path / f"kept {keep}")[0])

    begun, learned, half = weights(little), trained(0.0), trained(0.5)
    assert not torch.equal(learned["lm_head.weight"], begun["lm_head.weight"])
    for name, weight in half.items():
        torch.testing.assert_close(weight, (begun[name] + learned[name]) / 2)
    assert all(torch.equal(weight, begun[name]) for name, weight in trained(1.0).items())


def test_what_was_not_trained_the_same_way_is_refused(recipe, little, tmp_path):
    train(recipe(steps=3), little, tmp_path / "run")
    other = msgspec.structs.replace(recipe(steps=3), seed=4)
    with pytest.raises(TrainingError, match="another recipe"):
        train(other, little, tmp_path / "run")


def test_a_finished_training_given_again_changes_nothing(recipe, little, tmp_path):
    made, _ = train(recipe(steps=4), little, tmp_path / "run")
    before, lines = weights(made), curve(tmp_path / "run")
    again, seen = train(recipe(steps=4), little, tmp_path / "run")
    assert not seen.steps
    assert curve(tmp_path / "run") == lines
    assert all(torch.equal(before[name], weight) for name, weight in weights(again).items())


def test_recordings_longer_than_the_positions_reach_are_refused(recipe, little):
    shipped = ROOT / "models" / "w2v2-starter"
    long = msgspec.structs.replace(
        recipe(), lengths=msgspec.structs.replace(recipe().lengths, longest_s=40.0)
    )
    with pytest.raises(RecipeError, match="longest_s"):
        training.Training(long, shipped, None)


def test_a_teacher_of_other_letters_is_refused(recipe, little):
    with pytest.raises(RecipeError, match="pseudolabel"):
        training.Training(recipe(teacher=1.0), little, ROOT / "models" / "w2v2-starter")


def test_two_trainings_in_one_folder_are_refused(recipe, little, tmp_path):
    (tmp_path / "run").mkdir()
    with (
        alone(tmp_path / "run"),
        pytest.raises(TrainingError, match="another training"),
    ):
        train(recipe(), little, tmp_path / "run")
