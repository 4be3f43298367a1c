"""Metrics: one line each, none twice."""

from speechsearch.learning.training.metrics import METRICS_FILE, Metrics, read_metrics


def write(folder, done, steps):
    metrics = Metrics(folder, done)
    for step in steps:
        metrics.write({"step": step, "loss": 1 / step})
    metrics.close()


def steps(folder):
    return [row["step"] for row in read_metrics(folder / METRICS_FILE)]


def test_what_came_after_the_last_state_is_forgotten_and_written_again(tmp_path):
    write(tmp_path, 0, range(1, 8))
    write(tmp_path, 4, range(5, 10))
    assert steps(tmp_path) == list(range(1, 10))


def test_a_line_that_was_cut_off_is_no_line(tmp_path):
    write(tmp_path, 0, [1, 2])
    with (tmp_path / METRICS_FILE).open("a") as file:
        file.write('{"step": 3, "lo')
    assert steps(tmp_path) == [1, 2]
    write(tmp_path, 2, [3])
    assert steps(tmp_path) == [1, 2, 3]
