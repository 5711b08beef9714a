"""The map of samples: where they lie, what colours them, and what a lasso picks."""

import sys

import numpy as np
import pytest
from plotly.callbacks import BoxSelector

from o2u_nb import embedding_file
from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.detect import projection
from o2u_nb.detect.similar import Search
from o2u_nb.errors import MissingExtraError, O2UError
from o2u_nb.plots import map as drawing
from o2u_nb.review import mapping
from o2u_nb.review.blind import BlindMode
from o2u_nb.review.colouring import DECISION, LABEL, SCORE, choices, colouring
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.map import MapPanel
from tests.audits import CLASSES, write_audit

N = 40
# Stands for UMAP's process: it says what UMAP says, and puts sample k at (k, -k).
FAKE = """
import sys, numpy as np
print("preparing: 0/1"); print("layout: 100/200"); print("layout: 200/200", flush=True)
n = len(np.load(sys.argv[1]))
np.save(sys.argv[2], np.stack([np.arange(n), -np.arange(n)], 1).astype(np.float32))
"""


def corners(seed: int = 0) -> np.ndarray:
    """Embed the 40 samples of the trace in four corners, ten after ten, with a little noise."""
    rng = np.random.default_rng(seed)
    corner = np.array([[3, 1], [3, -1], [-3, 1], [-3, -1]])[np.arange(N) // 10]
    return np.hstack([corner, np.zeros((N, 2))]) + 0.05 * rng.normal(size=(N, 4))


@pytest.fixture
def folder(tmp_path):
    folder = write_audit(tmp_path / "audit", images=tmp_path / "images")
    embedding_file.write(folder / layout.EMBEDDINGS, corners())
    return folder


@pytest.fixture
def session(folder):
    return ReviewSession(folder, reviewer="ann")


@pytest.fixture
def fake_umap(tmp_path, monkeypatch):
    """A process in place of UMAP's; the test may change what it runs."""
    program = tmp_path / "umap.py"
    program.write_text(FAKE)
    monkeypatch.setattr(projection.umap_process, "__file__", str(program))
    monkeypatch.setattr(projection, "require_umap", lambda: None)
    return program


@pytest.fixture
def panel(session):
    panel = MapPanel(session)
    panel._plot._answer(None, {"kind": "seen"}, [])
    panel.wait()
    yield panel
    panel.close()


def layers(panel) -> dict[str, int]:
    """Count the points of the layers that are shown, by the first word of their names."""
    return {
        layer.name.split(" (")[0]: len(layer.x)
        for layer in panel.figure.data[: drawing.FOCUS]
        if layer.visible in (True, None) and len(layer.x)
    }


class TestPrincipal:
    """Principal components."""

    def test_by_hand(self):
        # Unit rows whose mean is 0: only the first feature varies much, then the second.
        rows = np.array([[1, 0, 0], [-1, 0, 0], [0.6, 0.8, 0], [-0.6, -0.8, 0]])
        found = projection.principal(Search(rows))
        covariance = rows[:, :2].T @ rows[:, :2] / 4
        values, axes = np.linalg.eigh(covariance)
        first = rows[:, :2] @ axes[:, ::-1]
        np.testing.assert_allclose(np.abs(found), np.abs(first), atol=1e-5)
        np.testing.assert_allclose(found.var(0), values[::-1], atol=1e-5)

    def test_the_sign_is_always_the_same(self):
        rows = np.random.default_rng(0).normal(size=(30, 5))
        found = projection.principal(Search(rows))
        again = projection.principal(Search(rows[::-1].copy()))
        np.testing.assert_allclose(found, again[::-1], atol=1e-4)

    def test_one_feature_makes_a_line(self):
        found = projection.principal(Search(np.array([[1.0], [-1.0], [1.0]])))
        assert found.shape == (3, 2) and (found[:, 1] == 0).all()


class TestUmap:
    """UMAP, in a process of its own."""

    def test_what_it_says_is_told_and_what_it_makes_is_read(self, fake_umap):
        told = []
        found = projection.umap(Search(corners()), tell=lambda *said: told.append(said))
        assert found.tolist() == [[k, -k] for k in range(N)] and found.dtype == np.float32
        assert told == [("preparing", 0, 1), ("layout", 100, 200), ("layout", 200, 200)]

    def test_a_failure_says_its_last_line(self, fake_umap):
        fake_umap.write_text("print(1); raise RuntimeError('no room left')")
        with pytest.raises(O2UError, match="no room left"):
            projection.umap(Search(corners()))

    def test_it_can_be_stopped(self, fake_umap):
        fake_umap.write_text("import time\nprint('preparing: 0/1', flush=True)\ntime.sleep(600)")
        assert projection.umap(Search(corners()), cancelled=lambda: True) is None

    def test_without_it_the_cure_is_said(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "umap", None)
        monkeypatch.setattr(projection, "missing", list)
        with pytest.raises(MissingExtraError, match=r"o2u_nb\[map\]"):
            projection.umap(Search(corners()))

    @pytest.mark.slow
    def test_the_real_one_keeps_groups_together(self):
        pytest.importorskip("umap")
        told = []
        found = projection.umap(Search(corners()), tell=lambda *said: told.append(said[0]))
        group = np.arange(N) // 10
        distances = np.linalg.norm(found[:, None] - found[None], axis=2)
        np.fill_diagonal(distances, np.inf)
        assert (group[distances.argmin(1)] == group).all()
        assert "layout" in told


class TestAuditMap:
    """Coordinates of an audit."""

    def test_the_table_has_each_sample_where_its_features_are(self, folder):
        table = Audit.open(folder).map()
        trace = Audit.open(folder).trace
        assert table.index.tolist() == list(trace.ids)
        xy = table[["x", "y"]].to_numpy().reshape(4, 10, 2)
        assert (np.ptp(xy, axis=1) < 0.3).all()  # ten samples of a corner lie together
        assert len({tuple(np.sign(mean)) for mean in xy.mean(1)}) == 4
        assert (table["label"] == Audit.open(folder).given.loc[table.index]).all()

    def test_umap_is_kept_until_the_features_change(self, folder, fake_umap):
        first = Audit.open(folder).map("umap")
        fake_umap.write_text("raise SystemExit('is not asked again')")
        assert Audit.open(folder).map("umap").equals(first)
        (kept,) = (folder / ".cache" / "similar").glob("*.umap.npy")
        data = bytearray(kept.read_bytes())
        data[-60] ^= 1  # one bit of the coordinates
        kept.write_bytes(data)
        with pytest.raises(O2UError, match="is not asked again"):
            Audit.open(folder).map("umap")

    def test_errors_name_what_there_is(self, folder, tmp_path):
        with pytest.raises(O2UError, match="'pca' or 'umap'"):
            Audit.open(folder).map("tsne")
        with pytest.raises(O2UError, match="No features were kept"):
            Audit.open(write_audit(tmp_path / "bare")).map()


class TestColouring:
    """What the colours stand for."""

    def test_given_labels_have_the_same_colours_whatever_is_coloured_by(self, session):
        found = colouring(session, LABEL)
        assert sorted(found.names) == sorted(CLASSES)
        named = np.array(found.names)[found.codes]
        assert named.tolist() == session.scores["label"].tolist()
        (eye,) = set(choices(session)) - {LABEL, SCORE, DECISION}
        assert colouring(session, eye).names == found.names

    def test_of_many_classes_the_largest_have_a_colour(self, session, monkeypatch):
        monkeypatch.setattr("o2u_nb.review.colouring.MOST_GROUPS", 2)
        found = colouring(session, LABEL)
        others = ~session.scores["label"].isin(found.names).to_numpy()
        assert len(found.names) == 2 and ((found.codes == -1) == others).all()

    def test_an_eye_is_coloured_by_what_it_sees(self, session, tmp_path):
        eye = choices(session)[-1]
        found = colouring(session, eye)
        probs = np.asarray(session.trace.mean_probs["cyclic"])
        rows = session.trace_positions(np.arange(N))
        seen = np.array(session.trace.classes, dtype=object)[probs.argmax(1)][rows]
        assert np.array(found.names, dtype=object)[found.codes].tolist() == seen.tolist()
        folder = write_audit(tmp_path / "eyes", eyes=("lite",))
        both = ReviewSession(folder, reviewer="ann")
        assert len(choices(both)) == 5
        found = colouring(both, choices(both)[-1])
        named = np.array(found.names, dtype=object)[found.codes]
        assert named.tolist() == both.scores["seen_as_lite"].tolist()

    def test_decisions_and_scores(self, session):
        session.drop([session.columns.ids[3]])
        found = colouring(session, DECISION)
        assert found.names[found.codes[3]] == "dropped"
        assert (np.delete(found.codes, 3) == -1).all()
        assert colouring(session, SCORE).values.tolist() == session.scores["score"].tolist()
        with pytest.raises(O2UError, match="No colouring 'size'"):
            colouring(session, "size")


class TestPanel:
    """The panel, without a browser."""

    def test_each_sample_is_drawn_once_in_the_layer_of_its_class(self, panel, session):
        assert layers(panel) == dict.fromkeys(CLASSES, 10)
        drawn = np.concatenate(panel._positions)
        assert sorted(drawn.tolist()) == list(range(N))
        for number, positions in enumerate(panel._positions):
            layer = panel.figure.data[number]
            at = panel._coordinates[positions]
            assert np.array_equal(np.stack([layer.x, layer.y], 1), at)

    def test_points_keep_their_proportions(self):
        found = drawing.placed(np.array([[10.0, 0.0], [30.0, 5.0]]))
        assert found.tolist() == [[-15000, -3750], [15000, 3750]]
        assert drawing.placed(np.ones((3, 2))).tolist() == [[0, 0]] * 3

    def test_a_box_picks_what_lies_in_it_and_clearing_brings_all_back(self, panel, session):
        before = session.visible.tolist()
        inside = panel._coordinates[:, 0] > 0
        area = BoxSelector(xrange=[0, 20_000], yrange=[-20_000, 20_000])
        panel._on_area(area)
        assert sorted(session.visible.tolist()) == np.flatnonzero(inside).tolist()
        assert "picked" in panel._status.message
        for number, positions in enumerate(panel._positions):
            chosen = panel.figure.data[number].selectedpoints
            assert np.array_equal(chosen, np.flatnonzero(inside[positions]))
        panel._clear.click()
        assert session.visible.tolist() == before and session.only_suspects
        assert panel.figure.data[1].selectedpoints is None

    def test_a_class_that_is_switched_off_is_not_picked(self, panel, session):
        name = panel._plot.data[1].name.split(" (")[0]
        panel._plot.data[1].visible = "legendonly"
        area = BoxSelector(xrange=[-20_000, 20_000], yrange=[-20_000, 20_000])
        panel._on_area(area)
        assert len(session.visible) == 30
        assert name not in set(session.scores["label"].iloc[session.visible])

    def test_decisions_colour_only_what_is_decided(self, panel, session):
        panel._color.value = DECISION
        assert layers(panel) == {"all samples": N}
        base = panel._plot.data[0].x
        session.drop(session.columns.ids_at(np.arange(3)))
        session.keep([session.columns.ids[5]])
        assert layers(panel) == {"all samples": N, "dropped": 3, "kept": 1}
        assert panel._plot.data[0].x is base  # all points are not sent again
        session.undo()
        assert layers(panel) == {"all samples": N, "dropped": 3}
        panel._color.value = SCORE
        assert layers(panel) == {"all samples": N}
        marker = panel.figure.data[0].marker
        assert np.allclose(marker.color, session.scores["score"]) and marker.showscale
        panel._color.value = LABEL
        assert layers(panel) == dict.fromkeys(CLASSES, 10)

    def test_a_click_makes_a_sample_the_current_one_and_a_ring_marks_it(self, panel, session):
        position = int(panel._positions[2][4])
        points = type("Points", (), dict(point_inds=[4], trace_index=2))
        panel._on_click(None, points, None)
        assert session.columns.positions([session.current]).tolist() == [position]
        ring = panel.figure.data[drawing.FOCUS]
        assert [ring.x[0], ring.y[0]] == panel._coordinates[position].tolist()

    def test_a_lasso_after_similar_samples_shows_all_it_holds(self, panel, session):
        session.show_similar(k=5)
        area = BoxSelector(xrange=[-20_000, 20_000], yrange=[-20_000, 20_000])
        panel._on_area(area)
        assert len(session.visible) == N and session.alike_filter is None

    def test_similar_samples_after_a_lasso_are_all_shown(self, panel, session):
        panel._on_area(BoxSelector(xrange=[0, 20_000], yrange=[-20_000, 20_000]))
        picked = session.visible.tolist()
        session.show_similar(k=15)
        assert len(session.visible) == 15 and not session.only_suspects
        session.stop_alike()
        assert session.visible.tolist() == picked
        session.position_filter = None
        assert session.only_suspects

    def test_nothing_is_shown_while_labels_are_hidden(self, panel, session):
        blind = BlindMode.of(session)
        blind.begin(seed=0)
        assert panel._frame.layout.display == "none" and "not shown" in panel._status.message
        assert panel._preview(1, 0) is None
        blind.end()
        assert panel._frame.layout.display is None and panel._status.message == ""
        assert layers(panel) == dict.fromkeys(CLASSES, 10)

    def test_umap_replaces_the_map_when_it_is_there(self, panel, fake_umap):
        panel._method.value = mapping.UMAP
        panel.wait()
        assert "UMAP" in panel.figure.layout.title.text and panel._bar.value == ""
        rows = panel.session.trace_positions(np.arange(N))
        expected = drawing.placed(np.stack([rows, -rows], 1).astype(np.float32))
        assert panel._coordinates.tolist() == expected.tolist()

    def test_where_umap_fails_the_earlier_map_stays(self, panel, fake_umap):
        fake_umap.write_text("raise RuntimeError('no room left')")
        panel._method.value = mapping.UMAP
        panel.wait()
        assert panel._method.value == mapping.PCA
        assert "no room left" in panel._status.message
        assert "principal components" in panel.figure.layout.title.text

    def test_without_features_the_cure_is_said(self, tmp_path):
        session = ReviewSession(write_audit(tmp_path / "bare"), reviewer="ann")
        panel = MapPanel(session)
        panel.begin()
        assert "No features were kept" in panel._status.message
        assert "<p>" in panel._still()

    def test_few_samples_beyond_the_most_are_picked_too(self, session, monkeypatch):
        monkeypatch.setattr("o2u_nb.widgets.map.MOST_POINTS", 12)
        panel = MapPanel(session)
        assert panel.figure.data[1].x is None  # nothing is computed until it is seen
        panel.begin()
        panel.wait()
        assert sum(layers(panel).values()) == 12 and "12 of 40" in panel.figure.layout.title.text
        area = BoxSelector(xrange=[-20_000, 20_000], yrange=[-20_000, 20_000])
        panel._on_area(area)
        assert len(session.visible) == N

    def test_the_still_picture_has_no_script(self, panel):
        assert panel._still().count("<circle") + panel._still().count("<path") == N
        assert "Map of samples" in panel._still()
