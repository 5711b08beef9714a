"""The file that a command is told to write a table to: what it never replaces."""

import pandas as pd
import pytest

from o2u_nb.__main__ import main
from o2u_nb.commands.table_out import require_usable, write
from o2u_nb.errors import O2UError
from tests.damage import whole_audit


def test_neither_a_file_that_is_read_nor_one_of_an_audit_is_replaced(tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("path,label\n")
    (tmp_path / "again.csv").symlink_to(labels)
    folder = whole_audit(tmp_path / "audit")
    for out, said in (
        (labels, "a file that is read"),
        (tmp_path / "again.csv", "a file that is read"),
        (folder / "scores.csv", "a file of the audit there"),
        (tmp_path / "picture.png", "must end in .csv, so that no picture is replaced"),
    ):
        with pytest.raises(O2UError, match=said):
            require_usable(out, [None, labels])
    require_usable(None, [labels])
    require_usable(tmp_path / "new.csv", [labels])
    require_usable(folder / "mine.csv", [labels])
    require_usable(labels)  # an earlier table of the same name


def test_the_command_that_scores_leaves_its_labels_alone(tmp_path, capsys):
    labels = tmp_path / "labels.csv"
    labels.write_text("path,label\n")
    folder = whole_audit(tmp_path / "audit")
    before = (folder / "scores.csv").read_bytes()
    for out in (labels, folder / "scores.csv"):
        assert main(["score", str(folder), str(labels), "--out", str(out)]) == 2
        assert "choose another name" in capsys.readouterr().err
    assert labels.read_text() == "path,label\n"
    assert (folder / "scores.csv").read_bytes() == before


@pytest.mark.parametrize("name, read", [("t.csv", pd.read_csv), ("t.parquet", pd.read_parquet)])
def test_a_table_is_written_with_its_index(tmp_path, name, read):
    table = pd.DataFrame({"score": [0.5, 0.25]}, pd.Index(["b", "a"], name="sample_id"))
    write(table, tmp_path / name)
    found = read(tmp_path / name)
    found = found.set_index("sample_id") if "sample_id" in found else found
    assert list(found.index) == ["b", "a"] and list(found["score"]) == [0.5, 0.25]
    write(table, None)
