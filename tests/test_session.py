"""The review session without any widget: what is visible, what is decided, what is said."""

import io
import json
import os
import subprocess
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from o2u_nb.audit import Audit
from o2u_nb.errors import DecisionsError, O2UError, SourceError
from o2u_nb.review import why
from o2u_nb.review.classes import Classes
from o2u_nb.review.columns import Columns
from o2u_nb.review.filters import STATES
from o2u_nb.review.session import ReviewSession
from o2u_nb.review.thumbnails import Thumbnails
from tests.audits import CLASSES, write_audit
from tests.hostile import ODD_IDS


@pytest.fixture
def audit(tmp_path) -> Path:
    return write_audit(tmp_path / "audit", images=tmp_path / "images")


@pytest.fixture
def session(audit) -> ReviewSession:
    return ReviewSession(audit, reviewer="ann")


def shown(session: ReviewSession) -> list[str]:
    return session.scores.index[session.visible].tolist()


def expected(session: ReviewSession, condition: str) -> list[str]:
    """The ids that a pandas query finds, in rank order."""
    return session.scores.query(condition).index.tolist()


def lines(session: ReviewSession) -> list[dict]:
    return [json.loads(line) for line in session.decisions.path.read_text().splitlines()]


def test_it_opens_on_the_suspects_of_the_audit_most_suspicious_first(session):
    assert shown(session) == expected(session, "suspect") and len(session.visible) == 8
    assert session.current == session.scores.index[0]
    assert session.remaining() == 8 and session.revision == 0
    assert session.counts == dict(
        undecided=40, keep=0, relabel=0, drop=0, unsure=0, suspects=8, remaining=8, visible=8
    )
    assert session.estimated_precision == pytest.approx(session.scores["p_wrong"][:8].mean())
    assert session.measured_precision is None


def test_it_needs_no_torch_nor_widgets(audit):
    code = (
        "import sys; from o2u_nb.review.session import ReviewSession\n"
        f"s = ReviewSession({str(audit)!r})\n"
        "from o2u_nb.review.why import card\n"
        "card(s, s.current); s.thumbnail(s.current); s.keep()\n"
        "print([m for m in ('torch', 'fastai', 'ipywidgets', 'anywidget', 'plotly', 'scipy')"
        " if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_filters_agree_with_pandas(session):
    session.label_filter = "tiger"
    assert shown(session) == expected(session, "suspect and label == 'tiger'") != []
    session.only_suspects = False
    assert shown(session) == expected(session, "label == 'tiger'")
    session.label_filter = None
    session.pair_filter = ("tiger", "cheetah")
    pair = "label == 'tiger' and suggested_label == 'cheetah'"
    assert shown(session) == expected(session, pair) != []
    session.pair_filter = None
    session.text_filter = "/000001"
    assert shown(session) == [id for id in session.scores.index if "/000001" in id]
    session.text_filter = "JAGUAR"
    assert shown(session) == expected(session, "label == 'jaguar'")
    session.text_filter = "JAGUAR/00"  # a part of ids only
    assert shown(session) == expected(session, "label == 'jaguar'")
    session.text_filter = ".*"
    assert shown(session) == []
    session.text_filter = ""
    session.position_filter = np.array([5, 2, 30])
    assert session.visible.tolist() == [2, 5, 30]
    assert session.counts["visible"] == 3


def test_the_text_filter_finds_a_class_whose_name_is_not_in_the_id(tmp_path):
    audit = write_audit(tmp_path / "audit", n=8, ids=[f"{k}.png" for k in range(8)])
    session = ReviewSession(audit, reviewer="ann")
    session.only_suspects, session.text_filter = False, "TIG"
    assert sorted(shown(session)) == ["3.png", "7.png"]


@pytest.mark.parametrize("name", ["score", "o2u_mean", "p_wrong", "variability"])
@pytest.mark.parametrize("descending", [True, False])
def test_any_score_sorts_both_ways_with_ties_in_rank_order(session, name, descending):
    session.only_suspects, session.order_by, session.descending = False, name, descending
    table = session.scores.sort_values(name, ascending=not descending, kind="stable")
    assert shown(session) == table.index.tolist()
    assert [row["score"] for row in session.page(0, 40)] == table[name].tolist()


def test_never_seen_samples_come_last_and_are_no_suspects(audit):
    found = Audit.open(audit)
    found.scores.loc[found.scores.index[5], ["score", "p_wrong", "o2u_mean"]] = np.nan
    session = ReviewSession(found, reviewer="ann")
    unseen = found.scores.index[5]
    assert unseen not in shown(session)
    for session.descending in (True, False):
        session.only_suspects, session.order_by = False, "o2u_mean"
        assert shown(session)[-1] == unseen
    assert session.page(39, 40)[0]["score"] is None and session.page(39, 40)[0]["p_wrong"] is None
    assert "probability of" not in why.card(session, unseen)["reason"]


def test_decisions_move_the_probabilities_and_undo_moves_them_back(session):
    said = session.scores["p_wrong"].to_numpy()
    np.testing.assert_array_equal(session.p_wrong, said)
    seen = []
    session.observe(lambda change: seen.append(session.estimated_precision), "p_wrong")
    session.keep(list(session.scores.index[:3]))  # three suspects that were right
    now = session.p_wrong
    assert (now[:8] < said[:8]).all() and (np.diff(now) <= 0).all()
    assert session.estimated_precision == pytest.approx(now[:8].mean()) == seen[-1]
    assert session.page(0, 1)[0]["p_wrong"] == now[0]
    again = ReviewSession(session.audit, reviewer="ben")  # from the log alone
    np.testing.assert_array_equal(again.p_wrong, now)
    session.undo()
    np.testing.assert_array_equal(session.p_wrong, said)
    session.unsure(list(session.scores.index[:3]))  # says nothing of the label
    np.testing.assert_array_equal(session.p_wrong, said)


def test_the_threshold_says_who_is_a_suspect(session):
    score = session.scores["score"]
    session.threshold = float(score.iloc[2])
    assert shown(session) == session.scores.index[:3].tolist()
    assert session.counts["suspects"] == session.remaining() == 3
    assert session.estimated_precision == pytest.approx(session.scores["p_wrong"][:3].mean())
    session.threshold = float(score.max()) + 1
    assert shown(session) == [] and session.estimated_precision is None and session.current is None
    session.threshold = float(score.min())
    assert len(session.visible) == 40


def test_another_threshold_column_keeps_the_number_of_suspects(session):
    session.threshold_column = "o2u_mean"
    top = session.scores["o2u_mean"].nlargest(8)
    assert session.threshold == pytest.approx(top.min())
    assert set(shown(session)) == set(top.index)


def test_an_audit_without_suspects(tmp_path):
    session = ReviewSession(write_audit(tmp_path / "audit", n_wrong=0), reviewer="ann")
    assert shown(session) == [] and session.current is None and session.page(0, 10) == []
    with pytest.raises(O2UError, match="Nothing is selected"):
        session.keep()
    session.threshold_column = "aum"
    assert shown(session) == []


def test_settings_that_do_not_exist_name_the_nearest(session):
    for name, value, near in (
        ("order_by", "o2u_maen", "o2u_mean"), ("threshold_column", "scor", "score"),
        ("label_filter", "tigger", "tiger"), ("pair_filter", ("tiger", "chetah"), "cheetah"),
        ("decision_filter", "kept", "keep"), ("current", "nowhere.png", "nowhere"),
        ("position_filter", np.array([40]), "39"), ("threshold", float("nan"), "number"),
    ):  # fmt: skip
        before = getattr(session, name)
        with pytest.raises(O2UError, match=near):
            setattr(session, name, value)
        assert getattr(session, name) is before or getattr(session, name) == before
    assert len(session.visible) == 8


def test_commands_decide_the_current_sample_and_move_on(session):
    first, second, third, fourth = shown(session)[:4]
    assert session.keep() == [first] and session.current == second
    assert session.relabel() == [second] and session.current == third
    assert session.drop(note="blurred") == [third] and session.current == fourth
    assert session.unsure() == [fourth]
    assert session.counts | dict(
        undecided=36, keep=1, relabel=1, drop=1, unsure=1, remaining=4
    ) == session.counts  # fmt: skip
    rows = session.page(0, 5)
    suggested = session.scores.loc[second, "suggested_label"]
    assert [row["decision"] for row in rows] == ["keep", "relabel", "drop", "unsure", None]
    assert [row["new_label"] for row in rows] == [None, suggested, None, None, None]
    assert rows[2]["note"] == "blurred"
    assert session.revision == 4
    assert session.measured_precision[::3] == (2 / 3, 3)
    logged = lines(session)
    assert [line["sample_id"] for line in logged] == [first, second, third, fourth]
    assert [line["rank_shown"] for line in logged] == [1, 2, 3, 4]
    assert logged[0]["score_shown"] == pytest.approx(session.scores["score"].iloc[0])
    assert all(len(line["content_hash"]) == 64 for line in logged)


def test_the_content_hash_is_what_sha256sum_prints(session, tmp_path):
    (id,) = session.keep()
    command = ["sha256sum", str(tmp_path / "images" / id)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert lines(session)[0]["content_hash"] == printed.split()[0]


def test_at_the_end_the_current_sample_stays(session):
    session.current = shown(session)[-1]
    session.keep()
    assert session.current == shown(session)[-1]


def test_without_advance_the_current_sample_stays(session):
    session.advance = False
    first = session.current
    session.keep()
    assert session.current == first


def test_a_selection_is_decided_at_once_and_cleared(session):
    ids = shown(session)
    session.select_range(ids[4], ids[1])
    assert session.selected == tuple(ids[1:5]) and session.current == ids[1]
    assert session.drop() == ids[1:5]
    assert session.selected == () and session.current == ids[5]
    assert len({line["command_id"] for line in lines(session)}) == 1
    assert session.undo() == ids[1:5] and session.counts["drop"] == 0
    assert session.current == ids[1]
    assert session.redo() == ids[1:5] and session.counts["drop"] == 4
    assert session.undo() and session.undo() == []
    assert session.can_redo and not session.can_undo


def test_ids_may_be_given_and_then_focus_stays(session):
    ids, current = session.scores.index[[3, 20, 3]].tolist(), session.current
    assert session.keep(ids) == ids[:2]  # each once, also what is filtered out
    assert session.current == current
    assert session.keep(ids[0]) == [ids[0]]
    with pytest.raises(O2UError, match=r"No sample 'nope\.png'"):
        session.keep(["nope.png"])
    assert len(lines(session)) == 3


def test_relabelling(session):
    first = session.current
    with pytest.raises(O2UError, match="tiger"):
        session.relabel("tigr")
    with pytest.raises(O2UError, match="class"):
        session.relabel("", new_class=True)
    assert not session.decisions.path.exists() and session.current == first
    session.relabel("lynx", new_class=True)
    assert session.page(0, 1)[0]["new_label"] == "lynx"
    own = session.scores.loc[first, "label"]
    session.relabel(own, [first])  # "it is what it says": that is a keep
    assert session.page(0, 1)[0]["decision"] == "keep" and lines(session)[1]["new_label"] is None


def test_what_is_decided_leaves_the_queue_of_the_undecided(session):
    session.decision_filter = "undecided"
    ids = shown(session)
    for place in range(3):
        assert session.current == ids[place]
        session.keep()
    assert shown(session) == ids[3:] and session.current == ids[3]
    session.undo()
    assert shown(session) == ids[2:] and session.current == ids[2]
    session.decision_filter = "keep"
    assert shown(session) == ids[:2]
    session.decision_filter = "decided"
    assert shown(session) == ids[:2]


def test_a_filter_never_leaves_the_focus_on_what_is_hidden(session):
    ids = shown(session)
    session.select(ids[:3])
    session.label_filter = session.scores.loc[ids[1], "label"]
    assert session.selected == (ids[1],)
    assert session.current in shown(session)
    session.text_filter = "nothing has this"
    assert session.selected == () and session.current is None
    with pytest.raises(O2UError, match="hidden"):
        session.current = ids[0]
    with pytest.raises(O2UError, match="hidden"):
        session.select(ids[:1])


def test_stepping_stops_at_the_ends(session):
    ids = shown(session)
    assert (
        session.step() == ids[1] and session.step(100) == ids[-1] and session.step(-100) == ids[0]
    )
    assert session.index_of(ids[3]) == 3
    assert session.index_of(session.scores.index[20]) is None


def test_a_new_kernel_goes_on_where_the_last_one_stopped(session, audit):
    session.keep()
    session.relabel()
    session.undo()
    again = ReviewSession(audit, reviewer="ann")
    assert again.counts == session.counts and again.page(0, 8) == session.page(0, 8)
    assert again.redo() and again.counts["relabel"] == 1
    np.testing.assert_array_equal(again.states[:2], [STATES.index("keep"), STATES.index("relabel")])


def test_two_kernels_on_one_audit(session, audit):
    other = ReviewSession(audit, reviewer="bob")
    heard = []
    session.observe(lambda change: heard.append(change["new"]), "revision")
    other.drop()
    assert session.counts["drop"] == 0
    session.refresh()
    assert session.counts["drop"] == 1 and heard == [1]
    assert not session.can_undo
    session.step()
    here = session.current
    other.drop()
    with pytest.raises(DecisionsError, match=f"bob has changed {here} meanwhile"):
        session.keep()  # of the same sample, which she believes to be undecided
    assert session.page(1, 2)[0]["decision"] == "drop" and session.current == here
    session.keep()  # meant all the same
    assert session.page(1, 2)[0]["decision"] == "keep" and session.current != here
    other.drop()  # of another sample: that comes in with the next command
    session.step()
    session.keep()
    assert session.counts["drop"] == 2 and session.counts["keep"] == 2


def test_a_log_of_another_audit_is_refused(session, tmp_path):
    session.keep()
    other = write_audit(tmp_path / "other", n=24)
    (other / "decisions.jsonl").write_bytes(session.decisions.path.read_bytes())
    with pytest.raises(DecisionsError, match="another data set"):
        ReviewSession(other, reviewer="ann")
    with pytest.raises(SourceError, match="No finished audit"):
        ReviewSession(tmp_path / "nowhere")


def test_a_torn_line_is_told(session, audit):
    session.keep()
    with open(session.decisions.path, "ab") as file:
        file.write(b'{"event_id": "12')
    again = ReviewSession(audit, reviewer="ann")
    assert again.counts["keep"] == 1 and "line 2" in again.problems[0]


def test_a_decision_that_cannot_be_written_changes_nothing(session, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    current, rows = session.current, session.page(0, 8)
    with pytest.raises(O2UError, match="not recorded"):
        session.drop()
    assert session.page(0, 8) == rows and session.current == current and session.revision == 0


SETTINGS = st.fixed_dictionaries(
    {},
    optional=dict(
        label_filter=st.sampled_from([None, *CLASSES]),
        only_suspects=st.booleans(),
        decision_filter=st.sampled_from(["all", "undecided", "decided", "keep", "drop"]),
        text_filter=st.sampled_from(["", "1", "tiger", "none at all"]),
        order_by=st.sampled_from(["score", "o2u_var", "p_wrong"]),
        descending=st.booleans(),
        threshold=st.floats(-3, 3),
    ),
)


@settings(max_examples=20)
@given(st.lists(st.tuples(SETTINGS, st.sampled_from(["keep", "drop", "undo", "redo"])), max_size=8))
def test_whatever_happens_the_traits_agree_with_the_log(steps):
    with tempfile.TemporaryDirectory() as folder:
        session = ReviewSession(write_audit(Path(folder) / "audit", n=16), reviewer="ann")
        for changes, command in steps:
            for name, value in changes.items():
                setattr(session, name, value)
            if session.current is not None or command in ("undo", "redo"):
                getattr(session, command)()
            agrees_with_the_log(session)
        again = ReviewSession(session.audit, reviewer="ann")
        np.testing.assert_array_equal(again.states, session.states)


def agrees_with_the_log(session: ReviewSession) -> None:
    decided = session.decisions.table()["action"].reindex(session.scores.index)
    known = decided.fillna("undecided").tolist()
    assert [STATES[code] for code in session.states] == known
    suspect = session.scores["score"].to_numpy() >= session.threshold
    np.testing.assert_array_equal(session.suspects, suspect)
    assert session.remaining() == sum(
        state == "undecided" for state, at in zip(known, suspect, strict=True) if at
    )
    ids = shown(session)
    assert len(set(ids)) == len(ids) == session.counts["visible"]
    assert session.current in ids if ids else session.current is None
    assert [row["sample_id"] for row in session.page(0, 99)] == ids
    if session.decision_filter in STATES:
        assert {row["decision"] or "undecided" for row in session.page(0, 99)} <= {
            session.decision_filter
        }


def test_arrays_are_read_only(session):
    for array in (session.visible, session.suspects):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(Exception, match="read-only"):
        session.visible = np.arange(3)


def test_pairs_count_the_suspects(session):
    suspects = session.scores[session.scores["suspect"]]
    counts = suspects.groupby(["label", "suggested_label"]).size()
    pairs = session.pairs()
    assert pairs["count"].sum() == 8 and pairs["count"].is_monotonic_decreasing
    for row in pairs.itertuples():
        assert counts[row.given, row.suggested] == row.count
    session.threshold = 1e9
    assert session.pairs().empty


def test_the_why_card(session):
    card = why.card(session, session.current)
    number = int(Path(session.current).stem)
    trace = session.trace
    assert card["path"].endswith(session.current) and card["split"] == "train"
    np.testing.assert_allclose(card["trajectory"]["loss"], trace.loss[:, number])
    np.testing.assert_allclose(card["trajectory"]["margin"], trace.margin[:, number])
    assert card["trajectory"]["phase"] == ["warmup"] * 3 + ["cyclic"] * 3
    assert set(card["trajectory"]["pred"]) == {card["suggested"]}
    assert [name for name, _ in card["probs"][:2]] == [card["suggested"], card["label"]]
    assert sum(prob for _, prob in card["probs"]) == pytest.approx(1, abs=1e-5)
    for vote in card["opinions"]:
        ranks = session.scores[vote["detector"]].rank(ascending=False, method="min")
        assert vote["rank"] == ranks[session.current]
        middle = session.scores[vote["detector"]].rank(ascending=False)
        assert vote["agrees"] == (middle[session.current] <= 8)
    voters = ["o2u_mean", "settled_margin", "forgetting"]
    assert [vote["detector"] for vote in card["opinions"]] == voters
    agreeing, asked = card["agreement"]
    assert asked == 3 and agreeing == sum(vote["agrees"] for vote in card["opinions"]) >= 2
    assert f'Labelled "{card["label"]}", but' in card["reason"]
    assert f"{agreeing} of 3 detectors" in card["reason"]
    assert card["image"] == dict(state="ok", detail="") and card["history"] == []
    assert card["neighbours"] is None
    session.drop(note="two cats")
    card = why.card(session, card["sample_id"])
    assert (card["decision"], card["note"], card["reviewer"]) == ("drop", "two cats", "ann")
    assert [event.action for event in card["history"]] == ["drop"]


def test_the_sentence_compares_the_loss_with_the_crowd(session):
    by_loss = session.scores.sort_values("o2u_mean")
    assert "its loss was the highest of all" in why.card(session, by_loss.index[-1])["reason"]
    assert (
        "higher than that of 33 % of the samples" in why.card(session, by_loss.index[13])["reason"]
    )


def test_an_inconspicuous_sample_is_described_as_one(session):
    card = why.card(session, session.scores.index[-1])
    assert " and while training the network gave it" in card["reason"]
    assert card["agreement"][0] == 0 and not card["suspect"] and card["kind"] == ""


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def has_words(image: Image.Image) -> bool:
    """Tell a tile: mostly paper."""
    near = np.abs(np.asarray(image).astype(int) - 236).max(axis=2) < 12
    return bool(near.mean() > 0.5)


def test_thumbnails_show_the_picture(session, tmp_path):
    image = picture(session.thumbnail(session.current, 48))
    original = Image.open(tmp_path / "images" / session.current).resize((48, 48))
    assert image.size == (48, 48)
    difference = np.asarray(image).astype(float) - np.asarray(original)
    assert np.abs(difference).mean() < 25 and not has_words(image)
    ids = shown(session)
    assert session.page_thumbnails(ids, 32) == [session.thumbnail(id, 32) for id in ids]


def test_an_unknown_id_has_no_picture_and_no_card(session):
    card = partial(why.card, session)
    for ask in (session.thumbnail, card, session.image_state, session.index_of):
        with pytest.raises(O2UError, match="No sample 'ghost'"):
            ask("ghost")


def test_thumbnails_of_pixels_in_the_table(tmp_path):
    session = ReviewSession(write_audit(tmp_path / "audit"), reviewer="ann")
    assert picture(session.thumbnail(session.current, 40)).size == (40, 40)
    assert why.card(session, session.current)["path"] is None
    session.keep()
    assert len(lines(session)[0]["content_hash"]) == 64
    assert session.image_state(shown(session)[0]).state == "ok"


def test_the_disk_cache_serves_the_next_kernel(session, audit, monkeypatch):
    first = session.thumbnail(session.current, 64)
    kept = list((audit / ".cache" / "thumbnails").rglob("*.jpg"))
    assert [path.read_bytes() for path in kept] == [first]
    monkeypatch.setattr("o2u_nb.review.thumbnails.thumbnail", None)  # decoding would fail now
    again = ReviewSession(audit, reviewer="ann")
    assert again.thumbnail(again.current, 64) == first
    assert session.thumbnail(session.current, 64) == first
    assert not has_words(picture(first))


def test_a_new_picture_of_the_same_length_is_seen(session, tmp_path):
    path = tmp_path / "images" / session.current
    for number, colour in enumerate(["red", "blue"]):
        Image.new("RGB", (12, 12), colour).save(path, format="BMP")
        os.utime(path, (number, number))
        band = np.asarray(picture(session.thumbnail(session.current, 32))).mean((0, 1))
        assert band.argmax() == (0 if colour == "red" else 2)


def test_a_cache_that_cannot_be_written_is_none(session, audit):
    (audit / ".cache").write_text("in the way")
    assert not has_words(picture(session.thumbnail(session.current, 64)))


def test_deleted_changed_and_truncated_images_are_said(session, tmp_path):
    deleted, changed, torn, garbage = (tmp_path / "images" / id for id in shown(session)[:4])
    ids = shown(session)[:4]
    clean = session.page_thumbnails(ids, 96)
    deleted.unlink()
    Image.new("RGB", (12, 12), "red").save(changed)
    torn.write_bytes(torn.read_bytes()[:200])
    garbage.write_bytes(b"<img src=x onerror=alert(1)>")
    late = session.thumbnails.audited + 60
    for path in (changed, torn, garbage):
        os.utime(path, (late, late))
    after = [picture(data) for data in session.page_thumbnails(ids, 96)]
    assert [has_words(image) for image in after] == [True, False, True, True]
    assert all(image.size == (96, 96) for image in after)
    assert after[1].getpixel((10, 10))[0] > 230  # the picture as it is now, above the band
    assert after[1].getpixel((1, 94)) != pytest.approx(after[1].getpixel((10, 10)), abs=40)
    assert session.thumbnail(ids[1], 96) != clean[1]
    states = [session.image_state(id) for id in ids]
    assert [state.state for state in states] == ["missing", "changed", "broken", "broken"]
    assert "deleted" in states[0].detail and "since the audit" in states[1].detail
    assert why.card(session, ids[0])["image"]["state"] == "missing"


def test_a_missing_image_can_still_be_decided(session, tmp_path):
    (tmp_path / "images" / session.current).unlink()
    session.drop()
    assert lines(session)[0]["content_hash"] is None and session.counts["drop"] == 1


def test_an_image_that_is_not_the_one_decided_on_is_noticed(session, tmp_path):
    path = tmp_path / "images" / session.current
    stat = path.stat()
    (id,) = session.keep()
    assert session.image_state(id).state == "ok"
    Image.new("RGB", (12, 12), "red").save(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # an old date does not hide it
    state = session.image_state(id)
    assert state.state == "changed" and "decided on" in state.detail


def test_the_originals_are_never_touched(session, tmp_path):
    def snapshot():
        files = sorted((tmp_path / "images").rglob("*"))
        return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in files if p.is_file()}

    before = snapshot()
    for command in (session.keep, session.relabel, session.drop, session.undo, session.redo):
        session.thumbnail(session.current)
        command()
    assert snapshot() == before


def test_names_of_all_kinds(tmp_path):
    classes = [*ODD_IDS[:2], "قطة", "🐆"]
    audit = write_audit(
        tmp_path / "audit", n=20, n_wrong=20, classes=classes,
        ids=[f"{k}{ODD_IDS[k % len(ODD_IDS)]}" for k in range(20)],
    )  # fmt: skip
    session = ReviewSession(audit, reviewer="<b>ann</b>")
    for label in classes:
        session.label_filter = label
        assert {row["label"] for row in session.page(0, 99)} == {label}
    session.label_filter = None
    ids = shown(session)
    for id in ids:
        assert f'"{why.card(session, id)["label"]}"' in why.card(session, id)["reason"]
        assert session.thumbnail(id, 32)[:2] == b"\xff\xd8"
        session.relabel(None, [id], note=id)
    assert len(lines(session)) == 20
    again = ReviewSession(audit, reviewer="x")
    assert sorted(row["note"] for row in again.page(0, 99)) == sorted(ids)
    assert again.counts["relabel"] == 20


def test_the_memory_cache_forgets_the_oldest(tmp_path):
    thumbnails = Thumbnails(tmp_path / "cache", memory=10)
    for key, value in (("a", b"1234"), ("b", b"1234"), ("a", b"12345"), ("c", b"12345")):
        thumbnails._memory.put(key, value)
    assert [thumbnails._memory.get(key) for key in "abc"] == [b"12345", None, b"12345"]


def test_columns_reject_unknown_ids(session):
    columns = Columns(session.scores)
    assert columns.ids_at(columns.positions(["tiger/0000003.png"])) == ["tiger/0000003.png"]
    with pytest.raises(O2UError, match="'ghost'"):
        columns.positions(["tiger/0000003.png", "ghost"])


def test_a_class_made_in_review_is_one_from_then_on(session):
    first, second, third = session.scores.index[:3]
    assert session.made_classes == () and "lynx" not in session.classes
    with pytest.raises(O2UError, match="No class 'lynx'"):
        session.relabel("lynx", [first])
    session.relabel("lynx", [first], new_class=True)
    assert session.made_classes == ("lynx",) and session.classes == sorted([*CLASSES, "lynx"])
    session.relabel("lynx", [second])  # no flag again
    session.label_filter = "lynx"
    assert session.columns.ids_at(session.visible) == [first, second]
    session.relabel("tiger", [second])
    assert session.columns.ids_at(session.visible) == [first]
    again = ReviewSession(session.audit.folder, reviewer="bob")
    assert again.made_classes == ("lynx",)
    again.relabel("lynx", [third])
    assert session.pairs()["given"].isin(CLASSES).all()


def test_a_class_that_was_taken_back_is_none(session):
    session.relabel("lynx", [session.scores.index[0]], new_class=True)
    session.label_filter = "lynx"
    session.undo()
    assert session.made_classes == () and session.visible.size == 0
    session.redo()
    assert session.made_classes == ("lynx",) and session.visible.size == 1


@pytest.mark.parametrize("slip", ["Tiger", "tiger ", "tigre", "leopart"])
def test_a_slip_of_the_keyboard_beside_a_class_is_asked_about(session, slip):
    sample_id = session.scores.index[0]
    with pytest.raises(O2UError, match=r"is that meant\? .* pass new_class="):
        session.relabel(slip, [sample_id], new_class=True)
    assert session.decisions.current(sample_id) is None
    session.relabel(slip, [sample_id], new_class=slip)  # meant all the same
    assert session.decisions.current(sample_id).new_label == slip


@pytest.mark.parametrize(
    "name, near",
    [
        ("tiger", None),  # a class is no slip
        ("Tiger", "tiger"),
        ("tiger ", "tiger"),
        ("jagaur", "jaguar"),
        ("lynx", None),
        ("Lynxe", None),
    ],
)
def test_which_class_a_name_is_close_to(session, name, near):
    assert session.near_class(name) == near


def test_a_name_can_be_close_to_a_class_that_was_made(session):
    session.relabel("lynx", [session.scores.index[0]], new_class=True)
    assert session.near_class("lynx") is None and session.near_class("Lynxe") == "lynx"
    with pytest.raises(O2UError, match="close to 'lynx'"):
        session.relabel("Lynxe", [session.scores.index[1]], new_class=True)


@pytest.mark.parametrize("name", ["", " ", "\t"])
def test_a_class_has_a_name(session, name):
    with pytest.raises(O2UError):
        session.relabel(name, [session.scores.index[0]], new_class=True)


@pytest.mark.parametrize(
    ("name", "near"),
    [("kat", "cat"), ("ct", "cat"), ("Cat", "cat"), ("catt", "cat"), ("dgo", "dog"), ("owl", None),
     ("cow", None), ("wolf", None), ("cat", None)],
)  # fmt: skip
def test_one_wrong_letter_is_near_also_in_a_short_name(name, near):
    assert Classes(["cat", "dog"]).near(name) == near


def test_commands_of_several_threads_come_one_after_the_other(session):
    """JupyterLab answers panels in a thread of its own, while a cell may decide."""
    ids = session.columns.ids.tolist()
    seen, errors = [], []
    session.observe(lambda change: seen.append(len(session.decisions.events)), "revision")

    def decide(some):
        try:
            for sample_id in some:
                session.keep([sample_id])
                session.catch_up()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=decide, args=(ids[k::4],)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert seen == list(range(1, len(ids) + 1))  # each was told with its own decision
    assert len(ReviewSession(session.audit, reviewer="bob").decisions.events) == len(ids)


def test_a_command_waits_until_the_panel_has_answered(session):
    done = threading.Event()
    with session.lock:
        thread = threading.Thread(target=lambda: (session.keep(), done.set()))
        thread.start()
        assert not done.wait(0.2)
    thread.join()
    assert done.is_set() and len(session.decisions.events) == 1


def test_the_last_decision_is_made_again(session):
    first, second, third, *others = session.scores.index[:8]
    with pytest.raises(O2UError, match="no decision yet"):
        session.again([first])
    session.relabel("tiger" if session.scores["label"].iloc[0] != "tiger" else "jaguar", [first])
    label = session.decisions.current(first).new_label
    ids = [id for id in (second, third, *others) if session.audit.given[id] != label]
    session.note("not a decision", [first])
    assert session.again(ids) == ids
    made = {session.decisions.current(id).new_label for id in ids}
    assert made == {label} and session.undo() == ids  # one command
    session.drop([second])
    session.undo()  # what is taken back is not made again
    session.again([third])
    assert session.decisions.current(third).action == (
        "keep" if session.audit.given[third] == label else "relabel"
    )
    session.unsure([second])
    session.select([third])
    session.again()
    assert session.decisions.current(third).action == "unsure" and session.selected == ()


def test_accepted_suggestions_are_accepted_again(session):
    scores = session.scores[session.scores["suggested_label"].notna()]
    ids = scores.index.tolist()
    assert scores["suggested_label"][:4].nunique() > 1
    session.relabel(None, ids[:4])
    session.again(ids[4:8])
    for id in ids[4:8]:
        event = session.decisions.current(id)
        assert (event.new_label or event.given_label) == scores["suggested_label"][id]


def test_the_last_decision_is_the_reviewers_own(audit, session):
    other = ReviewSession(audit, reviewer="ben")
    other.drop([session.scores.index[0]])
    with pytest.raises(O2UError, match="no decision yet"):
        session.again([session.scores.index[1]])
