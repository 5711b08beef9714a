"""The panel of an audit that runs, without a browser: steps, suspects, what stays at the end."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from o2u_nb.audit import Audit
from o2u_nb.presets import PRESETS
from o2u_nb.progress import shows_widgets
from o2u_nb.widgets.parts import output
from o2u_nb.widgets.parts.steps import Stage, Steps
from o2u_nb.widgets.running import LiveRun
from tests.pages import HOSTILE, Reader, numbered
from tests.sources import TINY, write_source
from tests.traces import make


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shown(monkeypatch) -> list[dict]:
    """What the places where panels are displayed show, one after the other."""
    bundles = []

    def display(bundle, **_):
        bundles.append(bundle)
        return SimpleNamespace(update=lambda new, raw: bundles.append(new))

    monkeypatch.setattr(output, "display", display)
    return bundles


def test_a_stage_says_what_is_done_and_what_is_left():
    stage = Stage("reading", 0.0)
    stage.update(50, 200, 10.0)
    assert stage.words() == "50 of 200, 10 s, about 30 s left" and not stage.is_done
    assert 'aria-valuenow="25"' in stage.html() and "width:25.0%" in stage.html()
    stage.update(200, 200, 40.0)
    assert stage.words() == "200 of 200, 40 s" and stage.is_done


def test_steps_keep_their_order_and_a_line_does_not_cut_a_stage_in_two():
    clock = Clock()
    steps = Steps(clock)
    steps.tell("features", 1, 4)
    clock.now = 3.0
    steps.say("This takes about 12 s.")
    assert steps.message == "This takes about 12 s."
    steps.tell("features", 4, 4)
    steps.tell("features", 1, 4)  # those of another network
    text = " ".join(Reader(steps.html()).text)
    assert text.count("features") == 2 and "4 of 4, 3 s" in text and "1 of 4" in text
    assert steps.message.startswith("features: 1 of 4")


def test_names_in_steps_are_text():
    steps = Steps()
    steps.say(HOSTILE)
    steps.tell(HOSTILE, 1, 2)
    page = Reader(steps.html())
    assert "script" not in page.tags and not page.events and not page.images


def test_the_panel_shows_pictures_at_once_then_suspects_and_keeps_them(shown):
    samples, _ = numbered(n=40, labels=(HOSTILE, "dog", "owl"))
    trace = make(np.tile(np.arange(1.0, 41), (3, 1)))
    with LiveRun() as run:
        run("reading", 40, 40)
        run.say("Found 40 pictures in 3 classes.")
        begin = run.watch(samples)
        first = Reader(run._now.value)
        assert len(first.images) == 3 and "script" not in first.tags
        on_epoch = begin("a small network", 3)
        run("training", 1, 3)
        on_epoch(trace.take(np.arange(40)))
        assert "a small network" in run._now.value and run._now.value.count("<img") == 5
        assert "training: a small network" in run._bars.value
        run.say("Ranking the samples.")
        assert run._now.value == "" and run._before.value.count("<details open>") == 1
    live, kept = shown
    assert "application/vnd.jupyter.widget-view+json" in live
    assert set(kept) == {"text/html", "text/plain"}
    page = Reader(kept["text/html"])
    assert len(page.images) == 5 and "script" not in page.tags and not page.events
    text = " ".join(page.text)
    for part in ("40 of 40", "Found 40 pictures", "a small network", "Done: 3 epochs", "given:"):
        assert part in text, part
    assert kept["text/plain"] == "Ranking the samples."


def test_an_audit_that_fails_leaves_what_was_seen(shown):
    samples, _ = numbered(n=40)
    with pytest.raises(KeyboardInterrupt), LiveRun() as run:
        run.watch(samples)("a small network", 9)(make(np.ones((2, 40))))
        raise KeyboardInterrupt
    assert "epoch 2 of 9" in shown[-1]["text/html"] and "<svg" in shown[-1]["text/html"]


def test_each_eye_is_told_and_the_last_one_is_unfolded(shown):
    samples, _ = numbered(n=40)
    with LiveRun() as run:
        begin = run.watch(samples)
        for title in ("first", "second"):
            begin(title, 2)(make(np.ones((2, 40))))
    html = shown[-1]["text/html"]
    assert html.count("<details>") == 1 and html.count("<details open>") == 1
    assert html.index("first") < html.index("<details open>") < html.index("second")


def test_the_panel_takes_the_place_of_bars_in_a_front_end(tmp_path, monkeypatch, shown, capsys):
    monkeypatch.setitem(PRESETS, "quick", TINY)
    monkeypatch.setattr("o2u_nb.audit.shows_widgets", lambda: True)
    source = write_source(tmp_path / "source")
    Audit.run(source, tmp_path / "out", preset="quick")
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    kept = shown[-1]
    text = " ".join(Reader(kept["text/html"]).text)
    for part in ("reading", "decoding", "training: compact ResNet (4, 8)", "Done: 4 epochs"):
        assert part in text, part
    pictures = Reader(kept["text/html"]).images
    assert len(pictures) == 5
    Audit.run(source, tmp_path / "out", preset="quick")  # which is opened, and looks the same
    again = Reader(shown[-1]["text/html"])
    assert again.images == pictures and "Opened the finished audit" in " ".join(again.text)
    assert "<svg" in shown[-1]["text/html"] and "training:" not in " ".join(again.text)


def test_bars_are_for_terminals_and_nothing_for_those_who_want_quiet(
    tmp_path, monkeypatch, shown, capsys
):
    monkeypatch.setitem(PRESETS, "quick", TINY)
    source = write_source(tmp_path / "source")
    Audit.run(source, tmp_path / "out", preset="quick")
    assert "training: 100%" in capsys.readouterr().out
    monkeypatch.setattr("o2u_nb.audit.shows_widgets", lambda: True)
    Audit.run(source, tmp_path / "quiet", preset="quick", quiet=True)
    assert capsys.readouterr().out == "" and shown == []


@pytest.mark.parametrize(
    "kernel, expected",
    [
        (None, False),
        (SimpleNamespace(), False),
        (dict(username=""), True),  # as JupyterLab signs
        (dict(username="ann"), False),  # as jupyter_client signs: nbclient, papermill, a console
        (None, False),
    ],
)
def test_a_front_end_is_known_by_its_requests(kernel, expected, monkeypatch):
    monkeypatch.setenv("USER", "ann")
    if isinstance(kernel, dict):
        parent = dict(header=kernel)
        kernel = SimpleNamespace(comm_manager=object(), get_parent=lambda: parent)
    shell = SimpleNamespace(kernel=kernel) if kernel else None
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert shows_widgets() is expected


def test_nothing_is_shown_where_a_program_runs_the_notebook():
    import nbclient
    import nbformat

    code = "from o2u_nb.progress import shows_widgets\nprint(shows_widgets())"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(book, kernel_name="python3").execute()
    assert book.cells[0].outputs[0].text.strip() == "False"
