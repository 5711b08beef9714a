"""Cells that a spreadsheet would run are inert in CSV files, and come back as they were."""

import re

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from o2u_nb import exchange
from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.commands.summary import print_summary
from o2u_nb.data import sources
from o2u_nb.data.samples import Problem, problems_table
from o2u_nb.data.spreadsheet import inert, restored
from o2u_nb.review.apply import plan
from tests.audits import write_audit

FORMULAS = ["=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(1)", "\t=1", " =1", "＝1", "'=1", "' '=1"]
ODD = st.text(st.sampled_from("=+-@'\t\r\n a1＝")) | st.text()


@given(st.lists(ODD, min_size=1))
@example(FORMULAS)
def test_every_text_comes_back_and_none_begins_a_formula(texts):
    table = pd.DataFrame({"label": texts}, index=pd.Index(texts, name="sample_id", dtype=object))
    safe = inert(table)
    for text in (*safe["label"], *safe.index):
        assert not re.match(r"\s*[=+\-@＝＋－＠]", text) or re.fullmatch(r"[+-]?\d+(\.\d+)?", text)
    again = restored(safe)
    assert again["label"].tolist() == again.index.tolist() == texts


def test_numbers_stay_numbers():
    table = inert(pd.DataFrame({"score": [-1.5, 2.0], "label": ["-1", "+2.5"]}))
    assert table["score"].tolist() == [-1.5, 2.0] and table["label"].tolist() == ["-1", "+2.5"]


@pytest.fixture
def audit(tmp_path) -> Audit:
    """Return an audit whose classes and ids are formulas, saved by the package."""
    ids = [f"={k:02d}+1.png" for k in range(36)]
    made = write_audit(
        tmp_path / "made", classes=FORMULAS, ids=ids, n=36, images=tmp_path / "pictures"
    )
    found = Audit.open(made)
    problems = problems_table([Problem("=1+1", "=kind", "@detail", "-action")])
    return Audit.save(
        tmp_path / "audit", found.samples, found.trace, problems=problems, quiet=True
    )  # fmt: skip


def test_scores_and_problems_hold_no_formula(audit):
    scores = pd.read_csv(audit.folder / layout.SCORES_CSV, keep_default_na=False)
    assert scores["sample_id"].str.startswith("'=").all()
    assert not scores["label"].str.match(r"\s*[=+\-@＝]").any()
    assert (audit.folder / layout.PROBLEMS).read_text().splitlines()[1].startswith("'=1+1,'=kind")
    assert audit.problems.iloc[0].tolist() == ["=1+1", "=kind", "@detail", "-action"]
    assert set(audit.scores["label"]) == set(FORMULAS)


def test_an_export_is_read_back_with_the_labels_as_they_were(audit, tmp_path):
    path = exchange.to_csv(plan(audit), tmp_path / "labels.csv")
    raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert not raw["label"].str.match(r"\s*[=+\-@＝]").any()
    again = sources.read(path, columns={"id": "sample_id"}).samples
    assert again["label"].to_dict() == audit.samples["label"].to_dict()


def test_a_table_of_others_keeps_its_apostrophes(tmp_path):
    audit = Audit.open(write_audit(tmp_path / "a", n=4, n_wrong=1, images=tmp_path))
    rows = audit.samples.assign(label=["'=x", "'=x", "y", "y"])[["path", "label"]]
    rows.to_csv(tmp_path / "mine.csv", index=False)
    assert set(sources.read(tmp_path / "mine.csv").samples["label"]) == {"'=x", "y"}


def test_no_escape_character_reaches_the_terminal(tmp_path, capsys):
    classes = ["\x1b[31mred", "\x9b2Jclear", "bell\a", "\x1b]0;title\x07"]
    ids = [f"\x1b[2J\r{k}.png" for k in range(40)]
    audit = Audit.open(write_audit(tmp_path / "audit", classes=classes, ids=ids))
    audit.facts.update(warnings=[])
    print_summary(audit)
    said = capsys.readouterr().out
    assert "\\x1b[31mred" in said and all(c.isprintable() for c in said.replace("\n", ""))
