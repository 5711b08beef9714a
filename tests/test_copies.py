"""The copies of an audit: found once, kept, listed in a review, and printed."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.data import duplicates
from o2u_nb.data import samples as samples_io
from o2u_nb.detect.evidence import Evidence
from o2u_nb.errors import O2UError
from o2u_nb.folder import SAMPLES
from o2u_nb.review import copies
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.similar import SimilarPanel
from tests.audits import CLASSES, write_audit

N = 16
MIRRORED, SMALLER = 5, 8  # copies of 0 and of 4: of the first, the label is another one


def pictures() -> np.ndarray:
    noise = np.random.default_rng(0).random((N, 48, 48, 3))
    smooth = gaussian_filter(noise, (0, 2, 2, 0))
    low, high = smooth.min((1, 2, 3), keepdims=True), smooth.max((1, 2, 3), keepdims=True)
    found = ((smooth - low) / (high - low) * 255).astype(np.uint8)
    found[MIRRORED] = found[0][:, ::-1]
    found[SMALLER] = np.asarray(Image.fromarray(found[4]).resize((30, 30)).resize((48, 48)))
    return found


@pytest.fixture
def audit(tmp_path):
    """An audit of files, two of which are copies of others, one of them in another split."""
    folder = write_audit(tmp_path / "audit", n=N, images=tmp_path / "pictures", write_images=False)
    samples = samples_io.read(folder / SAMPLES)
    for number, name in enumerate(sorted(samples.index, key=lambda name: name.split("/")[1])):
        path = samples.loc[name, "path"]
        (tmp_path / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures()[number]).save(path)
    samples.loc[name_of(SMALLER), "split"] = "valid"
    samples_io.write(samples, folder / SAMPLES)
    return Audit.open(folder)


def name_of(number: int) -> str:
    return f"{CLASSES[number % 4]}/{number:07d}.png"


def test_copies_are_found_with_what_differs(audit):
    found = audit.copies()
    groups = {frozenset(rows.index) for _, rows in found.groupby("group")}
    assert groups == {
        frozenset({name_of(0), name_of(MIRRORED)}),
        frozenset({name_of(4), name_of(SMALLER)}),
    }
    assert found.loc[[name_of(0), name_of(MIRRORED)], "labels_differ"].all()
    assert not found.loc[[name_of(4), name_of(SMALLER)], "labels_differ"].any()
    assert found.loc[[name_of(4), name_of(SMALLER)], "splits_differ"].all()
    assert not found.loc[[name_of(0), name_of(MIRRORED)], "splits_differ"].any()
    assert set(found.loc[[name_of(0), name_of(MIRRORED)], "match"]) == {"centre", "mirrored copy"}
    assert (found["likeness"] > 0.9).all()


def test_they_are_searched_for_once_until_a_file_changes(audit, monkeypatch):
    first = audit.copies()
    real, asked = duplicates.find, []

    def find(samples, **options):
        asked.append(len(samples))
        return real(samples, **options)

    monkeypatch.setattr(duplicates, "find", find)
    pd.testing.assert_frame_equal(audit.copies(), first)
    assert asked == []
    path = audit.samples.loc[name_of(MIRRORED), "path"]
    Image.fromarray(np.random.default_rng(9).integers(0, 256, (50, 50, 3), np.uint8)).save(path)
    assert name_of(0) not in audit.copies().index
    assert asked == [N]
    (kept,) = (audit.folder / ".cache/copies").iterdir()
    kept.write_bytes(b"damaged")
    assert name_of(4) in audit.copies().index and asked == [N, N]


def test_pixels_in_the_table_count_as_other_pictures_when_they_change(tmp_path):
    """The stamp had only the ids of such samples, and an audit made again kept old copies."""
    folder = write_audit(tmp_path / "audit", n=8, side=40)
    assert Audit.open(folder).copies().empty
    samples = samples_io.read(folder / SAMPLES)
    samples.at[samples.index[1], "image"] = samples["image"].iloc[0]
    samples_io.write(samples, folder / SAMPLES)
    assert set(Audit.open(folder).copies().index) == set(samples.index[:2])


def marked(audit: Audit) -> set[str]:
    return set(audit.scores.index[audit.scores["kind"] == "duplicate conflict"])


def test_an_audit_searches_and_marks_those_with_other_labels_at_once(audit, tmp_path):
    said, told = [], []
    kept = Audit.save(
        tmp_path / "kept", audit.samples, audit.trace, say=said.append,
        progress=lambda *at: told.append(at),
    )  # fmt: skip
    assert marked(kept) == {name_of(0), name_of(MIRRORED)}
    assert "4 of 16 pictures are in 2 groups of copies. In 1 group the labels differ." in said
    assert told[-1] == ("copies", 2 * N, 2 * N) and {stage for stage, _, _ in told} == {"copies"}
    assert set(kept.problems["sample_id"]) == {name_of(4), name_of(SMALLER)}  # in two splits
    assert kept.facts["n_problems"] == 2


def test_what_an_audit_found_is_not_searched_for_again(audit, tmp_path, monkeypatch):
    kept = Audit.save(tmp_path / "kept", audit.samples, audit.trace, quiet=True)
    monkeypatch.setattr(duplicates, "find", None)
    assert kept.copies()["group"].nunique() == 2
    again = Audit.save(tmp_path / "kept", audit.samples, audit.trace, quiet=True, overwrite=True)
    assert marked(again) == {name_of(0), name_of(MIRRORED)}


def test_an_audit_without_the_search_marks_them_once_it_is_rebuilt(audit, tmp_path):
    kept = Audit.save(tmp_path / "kept", audit.samples, audit.trace, quiet=True, copies=False)
    assert marked(kept) == set()  # only equal files are looked for
    assert not (kept.folder / copies.CACHE).exists() and kept.problems.empty
    kept.copies()
    again = Audit.rebuild(kept.folder, quiet=True)
    assert marked(again) == {name_of(0), name_of(MIRRORED)}
    assert set(again.problems["sample_id"]) == {name_of(4), name_of(SMALLER)}  # in two splits
    assert again.facts["n_problems"] == 2
    twice = Audit.rebuild(kept.folder, quiet=True)
    pd.testing.assert_frame_equal(twice.problems, again.problems)


def test_all_that_were_found_stay_in_one_fold(audit):
    samples = audit.samples
    alone = copies.groups(samples, copies.kept_copies(audit.folder, samples))
    assert alone.nunique() == N  # no two files are equal
    audit.copies()
    found = copies.groups(samples, copies.kept_copies(audit.folder, samples))
    assert found.nunique() == N - 2 and found[name_of(0)] == found[name_of(MIRRORED)]
    evidence = copies.known_to(Evidence(audit.trace), found)
    there = pd.Series(evidence.copies, audit.trace.ids)
    assert there[name_of(4)] == there[name_of(SMALLER)] != there[name_of(0)]


def test_an_audit_lists_the_copies_that_it_knows_in_several_splits(audit, tmp_path):
    samples = audit.samples
    shutil.copyfile(samples.loc[name_of(4), "path"], samples.loc[name_of(SMALLER), "path"])
    said = []
    kept = Audit.save(tmp_path / "kept", samples, audit.trace, say=said.append, copies=False)
    problems = kept.problems.set_index("sample_id")
    assert set(problems.index) == {name_of(4), name_of(SMALLER)}
    assert set(problems["problem"]) == {"same picture in several splits"}
    assert problems.loc[name_of(4), "detail"] == f"also as {name_of(SMALLER)} in valid"
    assert any("2 pictures have a copy in another split" in line for line in said)


def test_a_review_lists_them_side_by_side_and_comes_back(audit):
    session = ReviewSession(audit.folder, reviewer="ann")
    before = session.visible.tolist()
    listed = session.show_copies()
    shown = session.columns.ids_at(session.visible)
    assert list(shown) == list(listed.ids) and set(shown) == {name_of(0), name_of(MIRRORED)}
    row = session.row(int(session.visible[1]))
    assert row["same_label"] is False and row["similarity"] > 0.9
    session.relabel("tiger", [listed.ids[1]])
    session.stop_alike()
    assert session.visible.tolist() == before
    assert len(session.show_copies(every=True).ids) == 4
    assert session.alike_filter.title == "Copies, 2 groups"


def test_a_panel_lists_them_and_says_when_there_are_none(audit, tmp_path):
    session = ReviewSession(audit.folder, reviewer="ann")
    panel = SimilarPanel(session)
    before = session.visible.tolist()
    panel._copies.click()
    panel.wait()
    assert not panel._copies.disabled and len(session.visible) == 2
    assert "Copies with different labels, 1 group" in panel._words.value
    panel._back.click()
    assert session.visible.tolist() == before
    other = ReviewSession(write_audit(tmp_path / "other", n=8, side=40), reviewer="ann")
    panel = SimilarPanel(other)
    panel._copies.click()
    panel.wait()
    assert "No picture has a copy" in panel._status.message and not panel._copies.disabled


def test_blind_reviewers_get_no_copies(audit):
    session = ReviewSession(audit.folder, reviewer="ann")
    session.concealed = "labels"
    with pytest.raises(O2UError, match="blind mode"):
        session.show_copies()


def test_where_nothing_is_to_be_listed_it_is_said(tmp_path):
    folder = write_audit(tmp_path / "audit", n=8, side=40)
    session = ReviewSession(folder, reviewer="ann")
    with pytest.raises(O2UError, match="No picture has a copy"):
        session.show_copies(every=True)


def test_the_command_prints_groups_and_writes_all_of_them(audit, tmp_path, capsys):
    out = tmp_path / "copies.csv"
    assert main(["duplicates", str(audit.folder), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "4 of 16 pictures are in 2 groups of copies. In 1 group the labels differ." in said
    assert "1 group has members in several splits" in said
    assert name_of(MIRRORED) in said and name_of(SMALLER) not in said
    table = pd.read_csv(out)
    assert len(table) == 4 and json.loads(table["labels_differ"].to_json())
    assert main(["duplicates", str(audit.folder), "--all"]) == 0
    assert name_of(SMALLER) in capsys.readouterr().out
    assert main(["duplicates", str(audit.folder), "--out", str(tmp_path / "a.png")]) == 2


@pytest.mark.parametrize("obstacle", ["a file in the folder's place", "a full disk"])
def test_where_nothing_can_be_kept_they_are_found_all_the_same(audit, monkeypatch, obstacle):
    folder, samples = audit.folder, audit.samples
    expected = copies.copies_among(folder, samples)
    shutil.rmtree(folder / copies.CACHE)
    if obstacle == "a full disk":

        def full(*_, **options):
            raise O2UError("no space left")

        monkeypatch.setattr("o2u_nb.data.atomic.replacing", full)
    else:
        (folder / copies.CACHE).write_text("mine")
    pd.testing.assert_frame_equal(copies.copies_among(folder, samples), expected)
    assert copies.kept_copies(folder, samples) is None
    if obstacle != "a full disk":
        assert (folder / copies.CACHE).read_text() == "mine"
