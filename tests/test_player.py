"""The epoch player: its frames by hand, and the panel's messages."""

import numpy as np
import pytest

from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.scores import o2u_var
from o2u_nb.errors import O2UError
from o2u_nb.plots.bars import BINS
from o2u_nb.plots.player import frames, guesses, phase_starts, shares
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.player import PlayerPanel
from tests.audits import write_audit
from tests.traces import make, random_trace

NAN = np.nan
PHASES = ["warmup", "warmup", "cyclic", "cyclic"]


def test_mean_and_variance_so_far_begin_anew_with_each_phase():
    trace = make([[1, NAN], [3, 2], [4, NAN], [8, 6]], phase=PHASES)
    found = frames(trace)
    np.testing.assert_allclose(found.mean, [[1, NAN], [2, 2], [4, NAN], [6, 6]])
    np.testing.assert_allclose(found.variance, [[0, NAN], [1, 0], [0, NAN], [4, 0]])
    assert found.mean.dtype == found.variance.dtype == np.float32
    assert phase_starts(trace) == [0, 0, 2, 2]


def test_the_last_frame_has_the_variance_of_the_score():
    trace = random_trace(n=50, n_epochs=12)
    np.testing.assert_allclose(frames(trace).variance[-1], o2u_var(Evidence(trace)), rtol=1e-4)


def test_the_axes_hold_nearly_all_values_and_are_never_empty():
    loss = np.r_[np.full(9_990, 2.0), np.full(10, 900.0)][None]
    assert frames(make(loss)).x_top == pytest.approx(2.1)
    nothing = frames(make([[NAN, NAN]]))
    assert (nothing.x_top, nothing.y_top) == (1, 1)


def test_histograms_of_both_groups_are_full_at_their_highest_bar():
    # On an axis of roots from 0 to 4, bin k of 60 begins at 4 * (k / 60) ** 2.
    values = np.array([[0.001, 0.001, 1.01, 9.0, NAN], [NAN] * 5], dtype=np.float32)
    found = shares(values, np.array([False, False, False, True, True]), 4.0)
    assert found.shape == (2, 2, BINS) and found.dtype == np.float32
    assert {k: v for k, v in enumerate(found[0, 0]) if v} == {0: 1.0, 30: 0.5}
    assert np.flatnonzero(found[0, 1]).tolist() == [BINS - 1]
    assert not found[1].any()


def test_guesses_are_names_and_none_where_not_seen():
    trace = make([[1, 1], [NAN, 1], [1, 1]], pred=[[2, 0], [-1, 0], [1, 0]])
    assert guesses(trace, 0) == ["z", None, "y"]


@pytest.fixture
def session(tmp_path):
    return ReviewSession(write_audit(tmp_path / "audit"), reviewer="ann")


def tell(panel: PlayerPanel, **message) -> list[tuple[dict, list]]:
    """Send a message as the browser does; return what comes back, with the buffers."""
    sent = []
    panel._view.send = lambda answer, buffers=None: sent.append((answer, buffers))
    panel._view._handle_custom_msg({"view": "v", **message}, [])
    return sent


def test_all_epochs_are_sent_once_as_floats(session):
    panel = PlayerPanel(session)
    (about, arrays), (marks, sides) = tell(panel, kind="frames")
    trace = session.trace
    n, epochs = trace.n_samples, trace.n_epochs
    assert (about["kind"], about["n"], about["epochs"]) == ("frames", n, epochs)
    assert about["rate"] == trace.lr.tolist() and about["since"] == [0, 0, 0, 3, 3, 3]
    mean, variance = (np.frombuffer(a, np.float32).reshape(epochs, n) for a in arrays)
    order = trace.ids.get_indexer(session.columns.ids)
    np.testing.assert_allclose(mean[-1], trace.loss[3:, order].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(variance[-1], trace.loss[3:, order].var(axis=0), atol=1e-6)
    marked = np.frombuffer(sides[0], np.uint8)
    assert (marks["kind"], marks["bins"]) == ("marks", BINS)
    assert marked.tolist() == session.suspects.astype(int).tolist()
    assert len(np.frombuffer(sides[1], np.float32)) == epochs * 2 * BINS


def test_a_threshold_that_moves_sends_the_marks_only_and_only_where_somebody_looks(session):
    panel = PlayerPanel(session)
    sent = []
    panel._view.send = lambda answer, buffers=None: sent.append((answer, buffers))
    session.threshold = float(session.scores["score"].iloc[2])
    assert sent == []
    tell(panel, kind="frames")
    panel._view.send = lambda answer, buffers=None: sent.append((answer, buffers))
    session.threshold = float(session.scores["score"].iloc[3])
    ((answer, buffers),) = sent
    assert answer["kind"] == "marks" and sum(buffers[0]) == 4
    assert panel._view.names == ["the rest (36)", "suspects (4)", ""]
    session.step()
    assert len(sent) == 1


def test_the_current_sample_passes_by(session):
    panel = PlayerPanel(session)
    first = session.current
    row, chosen = session.scores.loc[first], panel._view.chosen
    assert chosen["title"] == f"#1 {row['label']} → {row['suggested_label']}"
    assert chosen["guesses"] == [row["suggested_label"]] * 6 and chosen["given"] == row["label"]
    position = session.trace.ids.get_loc(first)
    loss = session.trace.loss[:, position]
    expected = [*(loss[:k].mean() for k in (1, 2, 3)), *(loss[3:k].mean() for k in (4, 5, 6))]
    np.testing.assert_allclose(chosen["mean"], expected, rtol=1e-5)
    assert panel._view.picture == session.thumbnail(first)
    tell(panel, kind="step", by=1)
    assert session.current != first and panel._view.chosen["title"].startswith("#2 ")
    session.text_filter = "no such name"
    assert panel._view.chosen is None and panel._view.picture == b""


def test_a_click_goes_to_a_sample_and_fetches_one_that_is_hidden(session):
    panel = PlayerPanel(session)
    tell(panel, kind="go", point=3)
    assert session.current == session.scores.index[3]
    before = session.visible.tolist()
    hidden = len(session.scores) - 1
    tell(panel, kind="go", point=hidden)
    assert session.visible.tolist() == [hidden] and session.current == session.scores.index[-1]
    assert "was hidden by the filters. 1 sample picked" in panel._status.message
    session.position_filter = None
    assert session.visible.tolist() == before and session.only_suspects


def test_a_point_shows_its_picture(session):
    ((answer, pictures),) = tell(PlayerPanel(session), kind="pictures", trace=0, point=1)
    row = session.scores.iloc[1]
    assert answer["lines"] == [f"#2 {row['label']} → {row['suggested_label']}"]
    assert pictures == [session.thumbnail(session.scores.index[1])]


def test_planted_labels_may_be_marked(session):
    panel = PlayerPanel(session)
    tell(panel, kind="frames")
    planted = session.scores.index[[0, 20]]
    panel.mark(planted)
    assert panel._view.names[1] == "planted (2)"
    marks = tell(panel, kind="frames")[1][1][0]
    assert np.flatnonzero(np.frombuffer(marks, np.uint8)).tolist() == [0, 20]
    assert "Crosses: planted (2)." in panel._still()
    with pytest.raises(O2UError, match="'nobody'"):
        panel.mark(["nobody"])


def test_of_very_many_samples_some_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr("o2u_nb.widgets.player.MAX_POINTS", 10)
    session = ReviewSession(write_audit(tmp_path / "many", n=100, n_wrong=8))
    panel = PlayerPanel(session)
    about, marks = tell(panel, kind="frames")
    assert about[0]["n"] == 10 and sum(marks[1][0]) == 5
    assert panel._view.names == ["the rest (5)", "suspects (5)", "10 of 100 samples are drawn."]
    session.current = session.scores.index[1]  # not drawn, and shown all the same
    assert panel._view.chosen["title"].startswith("#2 ")
