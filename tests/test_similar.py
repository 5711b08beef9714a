"""Similar samples: what is found, beside a slow way, and what an audit and a review make of it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from o2u_nb import embedding_file, feature_file, looks
from o2u_nb import folder as layout
from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.detect import similar
from o2u_nb.detect.similar import Search
from o2u_nb.errors import FeaturesError, O2UError, SourceError
from o2u_nb.feature_file import About
from o2u_nb.review import alike_listing
from o2u_nb.review.checking import CheckSession
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.similar import SimilarPanel
from tests.audits import write_audit

N = 40
# The corners of a square around the origin, and three places on its edges: their mean is 0.
SQUARE = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1], [0, 2], [2, 0], [-1, -1]], dtype=float)


def random_rows(n: int, d: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def slow_cosines(rows: np.ndarray) -> np.ndarray:
    """All cosines of unit rows as seen from their mean; -inf for a sample and itself."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    seen = unit - unit.mean(0)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    found = seen @ seen.T
    np.fill_diagonal(found, -np.inf)
    return found


class TestSearch:
    """The search by the features of one network."""

    def test_by_hand(self):
        fan = np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [2, 0]], dtype=float)
        # As unit rows (1, 0), (0, 1), (-1, 0), (0, -1), (1, 0); their mean is (1/5, 0).
        found = Search(fan).like([0], k=3)
        assert found.positions.tolist() == [4, 1, 3]  # 4 is the same; 1 and 3 are equally near
        side = -0.2 / (1 + 0.2**2) ** 0.5
        np.testing.assert_allclose(found.similarities, [1, side, side], atol=1e-6)
        assert Search(fan).like([0], k=9).positions.tolist() == [4, 1, 3, 2]

    def test_of_several_it_is_the_nearest_of_them(self):
        search = Search(random_rows(30))
        cosines = slow_cosines(search.rows)[[3, 8]]
        cosines[:, [3, 8]] = -np.inf
        found = search.like([3, 8, 3], k=28)
        assert found.positions.tolist() == np.argsort(-cosines.max(0))[:28].tolist()
        np.testing.assert_allclose(found.similarities, -np.sort(-cosines.max(0))[:28], atol=1e-5)

    @settings(max_examples=30)
    @given(n=st.integers(3, 40), k=st.integers(1, 45), seed=st.integers(0, 99))
    def test_it_agrees_with_the_slow_way(self, n, k, seed):
        rows, position = random_rows(n, seed=seed), seed % n
        cosines = slow_cosines(rows)[position]
        found = Search(rows).like([position], k)
        assert found.positions.tolist() == np.argsort(-cosines)[: min(k, n - 1)].tolist()
        np.testing.assert_allclose(found.similarities, cosines[found.positions], atol=1e-5)

    @pytest.mark.parametrize("ask", ["like", "more_like"])
    def test_permuted_samples_permute_what_is_found(self, ask):
        rows, order = random_rows(50), np.random.default_rng(1).permutation(50)
        before = getattr(Search(rows), ask)([4, 9, 11], k=20)
        places = np.argsort(order)
        after = getattr(Search(rows[order]), ask)(places[[4, 9, 11]], k=20)
        assert order[after.positions].tolist() == before.positions.tolist()
        np.testing.assert_allclose(after.similarities, before.similarities, atol=1e-5)

    def test_ties_go_by_position_over_all_pieces(self, monkeypatch):
        monkeypatch.setattr(similar, "ROWS_AT_ONCE", 7)
        monkeypatch.setattr(similar, "IN_MEMORY", 0)
        rows = np.tile([[1.0, 0], [0, 1]], (25, 1))
        found = Search(rows).like([20], k=30)
        even = [k for k in range(0, 50, 2) if k != 20]
        assert found.positions.tolist() == [*even, *range(1, 12, 2)]
        np.testing.assert_allclose(found.similarities, [1] * 24 + [-1] * 6, atol=1e-6)

    def test_a_row_of_zeros_is_similar_to_nothing(self):
        rows = np.vstack([SQUARE, [[0, 0]]])
        found = Search(rows).like([0], k=7)
        assert dict(zip(*found, strict=True))[7] == 0
        assert Search(rows).like([7], k=7).similarities.tolist() == [0] * 7

    def test_rows_that_are_all_alike_are_similar_to_nothing(self):
        found = Search(np.tile([0.3, -0.2, 0.5], (50, 1))).like([20], k=3)
        assert found.positions.tolist() == [0, 1, 2] and found.similarities.tolist() == [0, 0, 0]

    def test_one_sample_has_nothing_in_common_with_others(self):
        search = Search(random_rows(30))
        one, like = search.more_like([5], k=9), search.like([5], k=9)
        assert one.positions.tolist() == like.positions.tolist()

    def test_what_marked_ones_have_in_common_ranks_the_rest(self):
        rows = random_rows(400, d=20)
        rows[:40, 3] += 6  # they have one feature in common, and nothing else
        found = Search(rows).more_like(np.arange(5), k=35)
        assert np.isin(found.positions, np.arange(5, 40)).mean() > 0.9
        nearest = Search(rows).like(np.arange(5), k=35)
        both = [np.isin(each.positions, np.arange(5, 40)).mean() for each in (found, nearest)]
        assert both[0] > both[1]

    def test_new_rows(self):
        search = Search(SQUARE)
        found = search.like_rows(np.array([3.0, 0.1]), k=2)
        assert found.positions.tolist() == [5, 0] and found.similarities[0] > 0.99
        with pytest.raises(O2UError, match=r"rows of 2 features.*found 3"):
            search.like_rows(np.ones(3), k=2)

    def test_scaled_rows_are_kept_and_found_again(self, tmp_path, monkeypatch):
        monkeypatch.setattr(similar, "IN_MEMORY", 0)
        rows = random_rows(3000, d=16).astype(np.float16)
        expected = Search(rows).like([7], k=5)
        first = Search(rows, tmp_path / "deep" / "eye-1").like([7], k=5)
        kept = tmp_path / "deep" / "eye-1.npy"
        assert [p.name for p in kept.parent.iterdir()] == ["eye-1.npy"]
        again = Search(rows, tmp_path / "deep" / "eye-1")
        assert isinstance(again._kept, np.memmap)
        for found in (first, again.like([7], k=5)):
            assert found.positions.tolist() == expected.positions.tolist()
        kept.write_bytes(b"damaged")
        assert Search(rows, tmp_path / "deep" / "eye-1").like([7], k=5).positions.tolist() == (
            expected.positions.tolist()
        )

    def test_a_place_that_cannot_be_written_is_no_obstacle(self, tmp_path, monkeypatch):
        monkeypatch.setattr(similar, "IN_MEMORY", 0)
        (tmp_path / "file").write_text("")
        found = Search(random_rows(50), tmp_path / "file" / "eye").like([7], k=5)
        assert found.positions.tolist() == Search(random_rows(50)).like([7], k=5).positions.tolist()


class TestIndex:
    """The index for very many samples."""

    @pytest.fixture
    def rows(self, monkeypatch):
        pytest.importorskip("faiss")
        monkeypatch.setattr(similar, "EXACT_UP_TO", 1000)
        rng = np.random.default_rng(0)
        centres = rng.normal(size=(20, 24))
        return centres[rng.integers(20, size=3000)] + rng.normal(size=(3000, 24))

    def test_every_sample_is_compared_until_it_is_there(self, rows, tmp_path):
        search = Search(rows, tmp_path / "eye-1")
        exact = search.like([5, 6], k=10)
        assert search.how == "every sample was compared"
        search.index._building.join()
        assert search.index.recall >= 0.98 and search.how.startswith("by an index that finds")
        found = search.like([5, 6], k=10)
        assert np.isin(found.positions, exact.positions).mean() >= 0.9
        both = found.positions[found.positions == exact.positions]
        assert len(both) >= 5
        again = Search(rows, tmp_path / "eye-1")
        assert again.index.is_ready and again.index.recall == search.index.recall
        assert again.like([5, 6], k=10).positions.tolist() == found.positions.tolist()

    def test_a_damaged_or_older_index_is_built_anew(self, rows, tmp_path):
        Search(rows, tmp_path / "eye").index.build()
        assert not Search(rows[:2000], tmp_path / "eye").index.is_ready
        (tmp_path / "eye.faiss").write_bytes(b"damaged")
        assert not Search(rows, tmp_path / "eye").index.is_ready

    def test_without_faiss_every_sample_is_compared(self, rows, tmp_path, monkeypatch):
        monkeypatch.setattr("o2u_nb.detect.similar_index.missing", list)
        search = Search(rows, tmp_path / "eye")
        assert search.index is None
        assert len(search.like([0], k=5).positions) == 5


def circle(n: int = N) -> np.ndarray:
    """Sample k at 9 k degrees: the nearest of 20 are 19, 21, 18, 22, ..."""
    radians = np.radians(360 / n * np.arange(n))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


@pytest.fixture
def folder(tmp_path):
    folder = write_audit(tmp_path / "audit", images=tmp_path / "images")
    embedding_file.write(folder / layout.EMBEDDINGS, circle())
    return folder


@pytest.fixture
def session(folder):
    return ReviewSession(folder, reviewer="ann")


def number(sample_id: str) -> int:
    return int(sample_id.split("/")[1][:7])


def name(audit, wanted: int) -> str:
    return next(id for id in audit.scores.index if number(id) == wanted)


class TestAudit:
    """Tables without a session."""

    def test_similar(self, folder):
        audit = Audit.open(folder)
        found = audit.similar(name(audit, 20), k=4)  # a cheetah, as are 16 and 24
        assert sorted(map(number, found.index)) == [18, 19, 21, 22]
        assert found.index.name == "sample_id"
        assert found["label"].tolist() == [id.split("/")[0] for id in found.index]
        np.testing.assert_allclose(
            found["similarity"], np.cos(np.radians([9, 9, 18, 18])), atol=2e-3
        )
        assert not found["same_label"].any() and found.attrs["eye"] == "network"
        wider = audit.similar([name(audit, 20)], k=8)
        assert sorted(map(number, wider.index[wider["same_label"]])) == [16, 24]

    def test_more_like_of_one_is_similar(self, folder):
        audit = Audit.open(folder)
        pd.testing.assert_frame_equal(
            audit.more_like([name(audit, 3)]), audit.similar(name(audit, 3))
        )
        beside = audit.more_like([name(audit, 9), name(audit, 11)], k=1)
        assert number(beside.index[0]) == 10

    def test_errors_name_the_cure(self, folder, tmp_path):
        audit = Audit.open(folder)
        with pytest.raises(O2UError, match="No sample 'x'"):
            audit.similar("x")
        with pytest.raises(O2UError, match="No eye with features 'netwerk' here: try 'network'"):
            audit.similar(audit.scores.index[0], eye="netwerk")
        with pytest.raises(O2UError, match="k=0"):
            audit.similar(audit.scores.index[0], k=0)
        with pytest.raises(O2UError, match="at least one sample"):
            audit.similar([])
        with pytest.raises(O2UError, match="pretrained eye"):
            audit.looks_like(np.zeros((4, 4), np.uint8))
        bare = Audit.open(write_audit(tmp_path / "bare"))
        with pytest.raises(O2UError, match=r"No features were kept.*embeddings"):
            bare.similar(bare.scores.index[0])

    def test_what_was_kept_of_other_features_is_removed(self, folder, monkeypatch):
        monkeypatch.setattr(similar, "IN_MEMORY", 0)
        audit = Audit.open(folder)
        audit.similar(audit.scores.index[0])
        (kept,) = (folder / ".cache" / "similar").iterdir()
        embedding_file.write(folder / layout.EMBEDDINGS, circle()[::-1])
        other = Audit.open(folder)
        other.similar(other.scores.index[0])
        (now,) = (folder / ".cache" / "similar").iterdir()
        assert now.name != kept.name


def write_features(folder, rows, eye="tiny", key="tiny-8-abc"):
    """Give an audit a frozen eye, the first one, with these features."""
    audit = Audit.open(folder)
    place = folder / layout.FEATURES / key
    feature_file.begin(place, About(key, eye, 8))
    records = np.zeros(len(rows), feature_file.record_type(rows.shape[1]))
    records["sample"], records["row"] = feature_file.id_digests(audit.trace.ids), rows
    feature_file.write(place / feature_file.ROWS, [records], len(rows), records.dtype)
    facts = dict(audit.facts, eyes=[dict(name=eye, title=eye, frozen=True, features=key)])
    (folder / layout.FACTS).write_text(json.dumps(facts), encoding="utf-8")


class TestNewPictures:
    """Pictures that are not in the set, with a network that is its own mean colour."""

    @pytest.fixture
    def audit(self, folder, monkeypatch):
        import torch

        from o2u_nb.training.backbones import Backbone

        audit = Audit.open(folder)
        model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten())
        eye = Backbone("tiny", model, 8, (0.0,) * 3, (1.0,) * 3, "tiny-8-abc")
        monkeypatch.setattr(looks, "_backbone", lambda _: eye)
        from o2u_nb.training.probe.features import features

        rows = features(audit.samples.loc[audit.trace.ids], eye, say=lambda _: None)
        write_features(folder, rows)
        return Audit.open(folder)

    @pytest.mark.parametrize("as_a", ["path", "bytes", "array", "pillow"])
    def test_a_copy_of_a_picture_finds_the_picture(self, audit, as_a):
        id = audit.scores.index[7]
        path = audit.samples.loc[id, "path"]
        opened = Image.open(path)
        picture = dict(
            path=path, bytes=Path(path).read_bytes(), array=np.asarray(opened), pillow=opened
        )[as_a]
        found = audit.looks_like(picture, k=3)
        assert found.index[0] == id and found["similarity"].iloc[0] > 0.999
        assert len(found) == 3 and "same_label" not in found and found.attrs["eye"] == "tiny"

    def test_what_is_no_picture_is_refused(self, audit, tmp_path):
        with pytest.raises(SourceError, match="uint8"):
            audit.looks_like(np.zeros((4, 4)))
        with pytest.raises(SourceError, match="found int"):
            audit.looks_like(3)
        with pytest.raises(SourceError, match=r"the picture: cannot be decoded.*another picture"):
            audit.looks_like(b"nothing")
        with pytest.raises(SourceError, match=r"gone\.png"):
            audit.looks_like(tmp_path / "gone.png")

    def test_another_network_is_refused(self, audit, folder):
        facts = dict(audit.facts)
        facts["eyes"][0]["features"] = "tiny-8-other"
        with pytest.raises(FeaturesError, match=r"tiny-8-other.*found 'tiny-8-abc'"):
            looks.row_of(audit, np.zeros((4, 4), np.uint8), "tiny")

    def test_a_listing_of_a_new_picture_has_no_labels(self, audit):
        session = ReviewSession(audit, reviewer="ann")
        alike = session.show_looks_like(audit.samples["path"].iloc[0], k=5)
        assert alike.title.startswith("Looks like ") and alike.title.endswith(".png")
        assert not alike.knows_labels and session.page(0, 1)[0]["same_label"] is None
        assert len(session.visible) == 5

    def test_the_command_line(self, audit, folder, tmp_path, capsys):
        path = audit.samples["path"].iloc[3]
        out = tmp_path / "found.csv"
        assert main(["similar", str(folder), path, "--k", "4", "--out", str(out)]) == 0
        said = capsys.readouterr().out
        table = pd.read_csv(out)
        assert table.columns.tolist() == ["sample_id", "similarity", "label"] and len(table) == 4
        assert table["sample_id"][0] == audit.samples.index[3]
        assert [line.split()[2] for line in said.splitlines()[:4]] == table["sample_id"].tolist()
        assert "Compared by tiny; every sample was compared." in said

    def test_the_panel_looks_at_a_picture_from_the_computer_or_a_path(self, audit, tmp_path):
        session = ReviewSession(audit, reviewer="ann")
        panel = SimilarPanel(session)
        before = session.visible.tolist()
        assert panel._back.disabled and not panel._look.disabled
        id = audit.scores.index[7]
        path = Path(audit.samples.loc[id, "path"])
        panel._count.value = 3
        panel._on_upload(dict(new=({"name": "<b>.png", "content": memoryview(path.read_bytes())},)))
        panel.wait()
        assert session.alike_in_force.ids[0] == id and len(session.visible) == 3
        assert "Looks like &lt;b&gt;.png" in panel._words.value
        assert "3 samples, compared by" in panel._words.value
        panel._back.click()
        assert session.visible.tolist() == before and panel._back.disabled

        panel._path.value = str(path)
        panel._look.click()
        panel.wait()
        assert session.alike_in_force.ids[0] == id
        panel._path.value = str(tmp_path / "gone.png")
        panel._look.click()
        panel.wait()
        assert "gone.png" in panel._status.message and not panel._look.disabled
        assert session.alike_in_force.ids[0] == id  # what was listed before stays

    def test_the_panel_lists_more_like_the_selection(self, audit):
        session = ReviewSession(audit, reviewer="ann")
        panel = SimilarPanel(session)
        current = session.current
        panel._count.value = 5
        panel._like.click()
        assert session.alike_in_force.title == f"More like {current}"
        assert len(session.visible) == 5 and not panel._back.disabled
        assert "with the same label" in panel._words.value


class TestCommandLine:
    """`similar` with ids, and what it refuses."""

    def test_of_ids(self, folder, capsys):
        audit = Audit.open(folder)
        ids = [name(audit, 9), name(audit, 11)]
        assert main(["similar", str(folder), *ids, "--k", "2"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert name(audit, 10) in lines[0] and "other label" in lines[0]
        assert len([line for line in lines if ".png" in line]) == 2

    @pytest.mark.parametrize(
        "more, said",
        [
            (["nowhere.png"], "'nowhere.png' is neither a file nor the id"),
            (["x", "--out", "table.png"], "must end in .csv"),
            (["x", "--eye", "none"], "neither a file nor the id"),
        ],
    )
    def test_wrong_input(self, folder, capsys, more, said):
        assert main(["similar", str(folder), *more]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line

    def test_a_folder_without_an_audit(self, tmp_path, capsys):
        assert main(["similar", str(tmp_path), "x"]) == 2
        assert "No finished audit" in capsys.readouterr().err


class TestListing:
    """Similar samples as the list of a review."""

    def test_it_is_the_list_most_similar_first(self, session):
        twenty = name(session, 20)
        alike = session.show_similar([twenty], k=6)
        listed = session.columns.ids_at(session.visible)
        assert listed == list(alike.ids) and set(map(number, listed[:2])) == {19, 21}
        assert session.current == listed[0] and alike.title == f"Similar to {twenty}"
        rows = session.page(0, 6)
        assert [row["similarity"] for row in rows] == list(alike.similarities)
        assert {number(row["sample_id"]): row["same_label"] for row in rows}[19] is False
        assert session.group_by == "" and not session.only_suspects

    def test_clearing_brings_back_what_was_there(self, session):
        session.label_filter = "jaguar"
        session.text_filter = "0"
        before = session.visible.tolist(), session.step(1), session.only_suspects
        session.show_similar(k=3)
        session.show_more_like(k=5)  # from there
        assert len(session.visible) == 5
        session.stop_alike()
        assert (session.visible.tolist(), session.current, session.only_suspects) == before
        assert (session.label_filter, session.text_filter) == ("jaguar", "0")
        session.stop_alike()  # nothing is listed
        assert session.visible.tolist() == before[0]
        assert session.page(0, 1)[0]["similarity"] is None

    def test_clearing_all_filters_keeps_the_one_for_suspects(self, session):
        session.label_filter = "jaguar"
        session.show_similar(k=3)
        session.clear_filters()
        assert session.only_suspects and session.label_filter is None
        assert session.alike_filter is None and len(session.visible) == 8

    def test_same_and_other_labels_are_told_apart(self, session):
        session.show_similar([name(session, 20)], k=8)
        session.choose_labels("same")
        assert {number(id) for id in session.columns.ids_at(session.visible)} == {16, 24}
        session.choose_labels("other")
        assert len(session.visible) == 6
        session.choose_labels("all")
        assert len(session.visible) == 8
        with pytest.raises(O2UError, match="all, same, other"):
            session.choose_labels("some")
        session.stop_alike()
        with pytest.raises(O2UError, match="show_similar first"):
            session.choose_labels("all")

    def test_one_command_decides_all_that_is_listed(self, session):
        alike = session.show_similar([name(session, 20)], k=5)
        session.drop(alike.ids)
        assert session.counts["drop"] == 5 and len(session.visible) == 5
        session.undo()
        assert session.counts["drop"] == 0

    def test_a_decision_can_hide_and_groups_can_sort_what_is_listed(self, session):
        session.show_similar([name(session, 20)], k=8)
        session.decision_filter = "undecided"
        session.keep(session.columns.ids_at(session.visible[:3]))
        assert len(session.visible) == 5
        session.group_by = "pair"
        assert sum(group.count for group in session.groups) == 5

    def test_it_is_there_again_when_the_review_is_opened_again(self, folder, session):
        session.label_filter = "tiger"
        before = session.visible.tolist(), session.current
        alike = session.show_similar(k=6)
        session.choose_labels("other")
        again = ReviewSession(folder, reviewer="ann")
        assert again.alike_filter == session.alike_filter
        assert again.visible.tolist() == session.visible.tolist()
        again.stop_alike()
        assert (again.visible.tolist(), again.current) == before
        assert ReviewSession(folder, reviewer="ann").alike_filter is None
        session.alike_filter = alike  # kept once more, for its own reviewer only
        assert ReviewSession(folder, reviewer="ben").alike_filter is None

    def test_a_lasso_comes_back_too(self, folder, session):
        session.only_suspects = False
        session.position_filter = np.array([4, 1, 7])
        session.show_similar(k=6)
        again = ReviewSession(folder, reviewer="ann")
        again.stop_alike()
        assert again.position_filter.tolist() == [4, 1, 7] and len(again.visible) == 3

    @pytest.mark.parametrize("text", ["", "{}", '{"alike": {"title": 3}}', "[1]"])
    def test_a_damaged_file_is_no_obstacle(self, folder, session, text):
        session.show_similar(k=6)
        (kept,) = (folder / alike_listing.CACHE).iterdir()
        kept.write_text(text)
        again = ReviewSession(folder, reviewer="ann")
        assert again.alike_filter is None and len(again.visible) == 8

    def test_a_listing_of_samples_that_are_gone_is_not_shown(self, folder, session):
        session.show_similar(k=6)
        (kept,) = (folder / alike_listing.CACHE).iterdir()
        gone = session.alike_filter.ids[0]
        kept.write_text(kept.read_text().replace(gone, "gone.png"))
        assert ReviewSession(folder, reviewer="ann").alike_filter is None

    def test_a_check_does_not_show_what_the_review_listed(self, folder, session):
        session.show_similar(k=6)
        session.keep([name(session, 3)])
        check = CheckSession(folder, reviewer="ann")
        assert check.alike_filter is None
        check.draw(4, of="ann", planted=0, hidden=0, known={name(session, 5): "jaguar"}, seed=0)
        check.clear_filters()
        assert ReviewSession(folder, reviewer="ann").alike_filter is not None


class TestConcealed:
    """Where a judgement is not to be led, nothing similar is listed."""

    @pytest.mark.parametrize("level", ["hints", "labels", "some labels"])
    def test_a_listing_is_not_in_force_meanwhile(self, session, level):
        session.only_suspects = False
        everything = len(session.visible)
        session.show_similar(session.current, k=5)
        before = session.visible.tolist()
        session.concealed = level
        row = session.page(0, 1)[0]
        assert len(session.visible) == everything
        assert row["similarity"] is None and row["same_label"] is None
        with pytest.raises(O2UError, match="blind mode"):
            session.show_more_like(session.current, k=5)
        with pytest.raises(O2UError, match="blind mode"):
            session.show_looks_like(np.zeros((4, 4), np.uint8))
        session.concealed = ""
        assert session.visible.tolist() == before

    def test_a_check_is_refused_by_its_sequence_alone(self, session):
        session.sequence = np.array([3, 1])
        with pytest.raises(O2UError, match="during a check"):
            session.show_similar(session.current, k=5)
        assert session.visible.tolist() == [3, 1]

    def test_another_log_reopens_no_listing(self, session, folder, tmp_path):
        session.show_similar(session.current, k=5)
        assert ReviewSession(folder, reviewer="ann").alike_filter is not None
        other = ReviewSession(folder, reviewer="ann", log=tmp_path / "other.jsonl")
        assert other.alike_filter is None


def test_the_panel_says_what_is_missing(folder, tmp_path):
    bare = SimilarPanel(ReviewSession(write_audit(tmp_path / "bare"), reviewer="ann"))
    assert "No features were kept" in bare._words.value and bare._like.disabled
    trained = SimilarPanel(ReviewSession(folder, reviewer="ann"))
    assert "Only a pretrained network" in trained._words.value
    assert trained._look.disabled and not trained._like.disabled
