"""Progress for people: one bar at a time, everything on standard output."""

from o2u_nb.progress import Bars, Silence


def test_bars_and_lines_follow_each_other(capsys):
    with Bars() as bars:
        bars("reading", 1, 2)
        bars("reading", 2, 2)
        bars.say("Found 2 images.")
        bars("training", 3, 3)
    captured = capsys.readouterr()
    assert captured.err == ""
    text = captured.out
    assert (
        text.index("reading: 100%") < text.index("Found 2 images.") < text.index("training: 100%")
    )
    assert "3/3" in text


def test_a_bar_that_nobody_asked_for_waits(capsys):
    with Bars(delay=60.0) as bars:
        bars("drawing", 1, 2)
        bars("drawing", 2, 2)
    assert capsys.readouterr().out == ""


def test_silence_takes_in_everything(capsys):
    with Silence() as shown:
        shown("reading", 1, 2)
        shown.say("Found 2 images.")
        shown.watch(None)("a network", 3)(None)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_drawing_and_retraining_show_a_bar_by_themselves(tmp_path, capsys, monkeypatch):
    from o2u_nb.data import datasets
    from o2u_nb.training import retrain
    from tests.pages import numbered

    for module in (datasets, retrain):
        monkeypatch.setattr(module, "PATIENCE", 0.0)
    datasets.coats_folder(tmp_path, n=4)
    assert "drawing coats: 100%" in capsys.readouterr().out
    datasets.coats_folder(tmp_path, n=4)  # they are there
    datasets.coats_folder(tmp_path, n=5, progress=lambda done, total: None)
    assert capsys.readouterr().out == ""
    samples, _ = numbered(n=12)
    fresh = samples.rename(index="fresh/{}".format)
    retrain.retrain(samples, samples, fresh, seeds=(0,), epochs=1)
    assert "retraining, epochs: 100%" in capsys.readouterr().out
