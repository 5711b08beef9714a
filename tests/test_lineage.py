"""An audit is made again after the data changed: which decisions hold, and what is said of others.

Data sets are small tables of files; what is worked out by hand stands beside each test.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from o2u_nb.audit import Audit
from o2u_nb.data.content import content_hash
from o2u_nb.errors import DecisionsError
from o2u_nb.presets import PRESETS
from o2u_nb.review.apply import plan
from o2u_nb.review.decisions import Decisions
from o2u_nb.review.events import Ledger
from o2u_nb.review.lineage import Lineage, carry, fingerprint
from o2u_nb.run import run_audit
from tests.sources import TINY, write_source


def samples(folder: Path, labels: dict[str, str]) -> pd.DataFrame:
    """A samples table of files that hold their own names."""
    for name in labels:
        if not (folder / name).exists():
            (folder / name).write_text(name)
    index = pd.Index(list(labels), name="sample_id", dtype="str")
    table = pd.DataFrame({"label": list(labels.values())}, index=index, dtype="str")
    return table.assign(split="train", path=[str(folder / name) for name in labels])


def decide(folder: Path, table: pd.DataFrame, actions: dict[str, str]) -> Decisions:
    """Record decisions on samples of `table`, as a session would: an action, or else a label."""
    log = Decisions(
        folder / "decisions.jsonl", reviewer="ann", lineage=Lineage(fingerprint(table["label"]))
    )
    for sample_id, action in actions.items():
        is_label = action not in ("keep", "drop", "unsure")
        log.record(
            [
                dict(
                    sample_id=sample_id,
                    given_label=table["label"][sample_id],
                    action="relabel" if is_label else action,
                    new_label=action if is_label else None,
                    content_hash=content_hash(table["path"][sample_id]),
                )
            ]
        )
    return log


def lineage(folder: Path, table: pd.DataFrame) -> tuple[Lineage, list[str]]:
    carried = carry(folder, table)
    return Lineage(
        fingerprint=fingerprint(table["label"]),
        earlier=frozenset(carried.facts["fingerprints"]),
        given=table["label"],
        left=frozenset(carried.facts["left"]),
    ), carried.said


def held(folder: Path, table: pd.DataFrame) -> dict:
    log = Decisions(
        folder / "decisions.jsonl", reviewer="bob", lineage=lineage(folder, table)[0]
    ).table()
    rows = zip(log.index, log["action"], log["new_label"], strict=True)
    return {name: label if action == "relabel" else action for name, action, label in rows}


OLD = {"a": "cat", "b": "cat", "c": "dog", "d": "dog", "e": "fox"}
ACTIONS = {"a": "dog", "b": "keep", "c": "drop", "d": "unsure"}


def test_each_reason_by_hand(tmp_path):
    decide(tmp_path, samples(tmp_path, OLD), ACTIONS)
    # a stays, b has another label, c is gone, d has another content, f is new
    (tmp_path / "d").write_text("another picture")
    new = samples(tmp_path, {"a": "cat", "b": "dog", "d": "dog", "e": "fox", "f": "fox"})
    assert held(tmp_path, new) == {"a": "dog"}
    said = lineage(tmp_path, new)[1]
    assert said[0].startswith("Decisions: 1 of 4 are carried over")
    for line, reason in zip(said[1:], ("gone (c ", "label now (b ", "changed (d "), strict=True):
        assert line.startswith("  1 are set aside") and reason in line


def test_what_is_set_aside_is_said_and_stays_in_the_log(tmp_path):
    decide(tmp_path, samples(tmp_path, OLD), ACTIONS)
    before = (tmp_path / "decisions.jsonl").read_bytes()
    new = samples(tmp_path, {"a": "cat", "e": "fox"})
    log = Decisions(tmp_path / "decisions.jsonl", reviewer="bob", lineage=lineage(tmp_path, new)[0])
    assert {event.sample_id for event in log.set_aside} == {"b", "c", "d"}
    (problem,) = log.problems
    assert "3 samples are set aside" in problem and "'b'" in problem
    assert (tmp_path / "decisions.jsonl").read_bytes() == before
    log.record([dict(sample_id="e", given_label="fox", action="keep")])
    assert held(tmp_path, new) == {"a": "dog", "e": "keep"}


def test_a_picture_that_changed_alone_leaves_the_fingerprint_but_not_the_decision(tmp_path):
    table = samples(tmp_path, OLD)
    decide(tmp_path, table, ACTIONS)
    (tmp_path / "a").write_text("another picture")
    assert held(tmp_path, table) == {"b": "keep", "c": "drop", "d": "unsure"}
    decide(tmp_path, table, {"a": "fox"})  # decided again, on what is there now
    assert held(tmp_path, table)["a"] == "fox"


def test_an_earlier_decision_does_not_come_back_when_the_last_one_is_set_aside(tmp_path):
    table = samples(tmp_path, OLD)
    decide(tmp_path, table, {"a": "keep"})
    decide(tmp_path, table, {"a": "dog"})
    (tmp_path / "a").write_text("another picture")
    assert held(tmp_path, table) == {}


def test_a_log_of_a_stranger_is_still_refused(tmp_path):
    decide(tmp_path, samples(tmp_path, OLD), ACTIONS)
    other = samples(tmp_path, {"a": "cat", "b": "cat"})["label"]
    with pytest.raises(DecisionsError, match="another data set"):
        Decisions(
            tmp_path / "decisions.jsonl",
            reviewer="bob",
            lineage=Lineage(fingerprint(other), given=other),
        )


@pytest.mark.slow
@given(
    kept=st.sets(st.sampled_from(sorted(OLD))),
    relabelled=st.sets(st.sampled_from(sorted(OLD))),
    altered=st.sets(st.sampled_from(sorted(OLD))),
)
def test_a_decision_holds_exactly_where_nothing_changed(
    tmp_path_factory, kept, relabelled, altered
):
    folder = tmp_path_factory.mktemp("lineage")
    decide(folder, samples(folder, OLD), ACTIONS)
    for name in altered:
        (folder / name).write_text("another picture")
    new = {name: "owl" if name in relabelled else OLD[name] for name in sorted(kept)} | {"z": "fox"}
    unchanged = kept - relabelled - altered
    expected = {name: action for name, action in ACTIONS.items() if name in unchanged}
    assert held(folder, samples(folder, new)) == expected


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(PRESETS, "quick", TINY)


@pytest.mark.slow
def test_a_picture_is_added_and_the_review_goes_on(tmp_path, tiny):
    source = write_source(tmp_path / "source", n=30)
    Audit.run(source, tmp_path / "out", preset="quick", quiet=True)
    session = Audit.open(tmp_path / "out").session(reviewer="ann")
    ids = list(session.scores.index[:4])
    session.relabel("green", ids[:2], new_class=False)
    session.drop(ids[2:3])
    session.keep(ids[3:])
    Image.new("RGB", (16, 16)).save(source / "blue" / "new.png")
    (source / ids[3]).unlink()
    told = []
    run_audit(source, tmp_path / "out", preset="quick", overwrite=True, say=told.append)
    assert any(line.startswith("Decisions: 3 of 4 are carried over") for line in told)
    assert any(f"gone ({ids[3]} for one)" in line for line in told)
    again = Audit.open(tmp_path / "out").session(reviewer="ann")
    assert set(again.decisions.table().index) == set(ids[:3])
    assert again.counts["undecided"] == 27
    made = plan(again)
    assert len(made.decided) == 3 and made.stale.empty
    again.undo()  # what was decided before can be taken back as well
    assert again.decisions.current(ids[2]) is None
    third = run_audit(source, tmp_path / "out", preset="quick", overwrite=True)
    assert set(plan(third).decided.index) == set(ids[:2])


@pytest.mark.slow
def test_a_kernel_that_still_shows_the_old_audit_loses_nothing(tmp_path, tiny):
    source = write_source(tmp_path / "source", n=30)
    old = Audit.run(source, tmp_path / "out", preset="quick", quiet=True).session(reviewer="ann")
    first, second = old.scores.index[:2]
    Image.new("RGB", (16, 16)).save(source / "blue" / "new.png")
    Audit.run(source, tmp_path / "out", preset="quick", overwrite=True, quiet=True)
    old.keep([first])
    new = Audit.open(tmp_path / "out").session(reviewer="bob")
    assert new.decisions.current(first).action == "keep"
    new.drop([second])
    assert Ledger(new.decisions.events).current(second).action == "drop"


def test_decisions_on_pictures_without_files_are_carried_over(tmp_path, tiny):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    labels = ["cat", "dog", "owl"] * 10
    Audit.run((pictures, labels), tmp_path / "out", preset="quick", quiet=True)
    session = Audit.open(tmp_path / "out").session(reviewer="ann")
    kept, altered = session.scores.index[:2]
    session.keep([kept, altered])
    pictures[int(altered)] ^= 255
    Audit.run((pictures, labels), tmp_path / "out", preset="quick", overwrite=True, quiet=True)
    again = Audit.open(tmp_path / "out").session(reviewer="ann")
    assert again.decisions.table().index.tolist() == [kept]
    assert plan(again).stale.empty and plan(again).absent.empty
    Audit.save(  # pictures as they come back from an audit
        tmp_path / "out", again.audit.samples, again.audit.trace, overwrite=True, quiet=True
    )
    assert plan(tmp_path / "out").decided.index.tolist() == [kept]
