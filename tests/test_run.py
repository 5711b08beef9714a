"""The main job end to end on a tiny folder, and every way in which it must refuse."""

import errno
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from o2u_nb import folder as layout
from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.detect import findings
from o2u_nb.detect.counts import compare_estimators
from o2u_nb.detect.evidence import Evidence
from o2u_nb.errors import (
    AuditExistsError,
    NonFiniteLossError,
    O2UError,
    OutputError,
    SourceError,
    TraceError,
)
from o2u_nb.presets import PRESETS
from o2u_nb.run import run_audit
from o2u_nb.trace import Trace
from tests.sources import TINY, snapshot, write_source


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(PRESETS, "quick", TINY)


@pytest.fixture
def source(tmp_path) -> Path:
    return write_source(tmp_path / "source")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Audit:
    """An audit of the same source, trained once; the tests that take it only read it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "quick", TINY)
        return run_audit(write_source(folder / "source"), folder / "out", preset="quick")


def test_everything_is_written_and_comes_back(source, tmp_path, tiny):
    before = snapshot(source)
    run_audit(source, tmp_path / "out", preset="quick", seed=3)
    assert snapshot(source) == before
    made = {p.name for p in (tmp_path / "out").iterdir()} - {".cache"}  # of copies
    # Heads, features and eyes are of frozen networks, the state of the run is of unfinished audits.
    names = set(layout.MADE_BY_AUDIT) - {layout.HEAD, layout.FEATURES, layout.EYES, layout.RUN}
    assert made == {*names, layout.MARKER}
    assert layout.made_in(tmp_path / "out") == names
    audit = Audit.open(tmp_path / "out")
    assert audit.trace.loss.shape == (4, 60) and not np.isnan(audit.trace.loss).any()
    assert set(audit.scores.index) == set(audit.samples.index) == set(audit.trace.ids)
    assert audit.problems.empty
    assert audit.facts["seed"] == 3 and audit.facts["preset"] == "quick"
    assert audit.facts["image_size"] == 16
    low, high = audit.facts["estimated_range"]
    assert low <= audit.facts["estimated_wrong"] == audit.scores["suspect"].sum() <= high
    score = audit.scores["score"].reindex(audit.trace.ids).to_numpy()
    pd.testing.assert_frame_equal(audit.estimates, compare_estimators(Evidence(audit.trace), score))
    recommended = audit.estimates.loc["sure_disagreement", "count"]
    assert round(recommended) == audit.facts["estimated_wrong"]
    assert audit.by_class["suspects"].sum() == audit.scores["suspect"].sum()
    assert "60 samples, 3 classes" in repr(audit)
    assert audit.report.read_text(encoding="utf-8").startswith("<!")


def test_scores_csv_lists_every_sample_once_by_rank(source, finished):
    table = pd.read_csv(finished.folder / "scores.csv", keep_default_na=False)
    columns = "sample_id,label,score,rank,p_wrong,suspect,suggested_label"
    assert ",".join(table.columns) == columns
    assert list(table["rank"]) == list(range(1, 61))
    assert sorted(table["sample_id"]) == sorted(
        p.relative_to(source).as_posix() for p in source.rglob("*.png")
    )
    assert table["score"].is_monotonic_decreasing


def test_a_trace_from_a_notebook_becomes_the_same_audit(finished, tmp_path):
    saved = Audit.save(tmp_path / "saved", finished.samples, finished.trace, finished.embeddings)
    pd.testing.assert_frame_equal(saved.scores, finished.scores)
    np.testing.assert_array_equal(saved.trace.loss, finished.trace.loss)
    assert saved.facts["estimated_wrong"] == finished.facts["estimated_wrong"]
    assert "not recorded" in saved.report.read_text(encoding="utf-8")
    with pytest.raises(AuditExistsError):
        Audit.save(tmp_path / "saved", finished.samples, finished.trace)
    with pytest.raises(TraceError, match="same 59 samples"):
        Audit.save(tmp_path / "other", finished.samples.iloc[1:], finished.trace)
    assert not (tmp_path / "other").exists()


def test_embeddings_are_those_of_the_trained_network_in_the_order_of_the_trace(
    source, tmp_path, tiny, monkeypatch
):
    import torch

    from o2u_nb.training import job

    learners, real = [], job.embed_if_small
    spy = lambda learn, **options: learners.append(learn) or real(learn, **options)  # noqa: E731
    monkeypatch.setattr(job, "embed_if_small", spy)
    audit = run_audit(source, tmp_path / "out", preset="quick")
    (learn,) = learners
    model, (mean, std) = learn.model.cpu().eval(), learn.dls.train.stats
    pixels = [np.asarray(Image.open(source / sample_id)) for sample_id in audit.trace.ids]
    pictures = (torch.tensor(np.array(pixels)) / 255 - mean.cpu()) / std.cpu()
    with torch.no_grad():
        features = model.body(pictures.permute(0, 3, 1, 2)).numpy()
    expected = features / np.linalg.norm(features, axis=1, keepdims=True)
    found = np.load(tmp_path / "out" / "embeddings.npy")
    assert found.dtype == np.float16 and found.shape == (60, 8)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    np.testing.assert_array_equal(Audit.open(tmp_path / "out").embeddings, found)


def test_embeddings_that_are_too_large_are_not_kept(source, tmp_path, tiny, monkeypatch):
    from o2u_nb.training.probe import embed

    monkeypatch.setattr(embed, "MAX_BYTES", 60 * 8 * 2 - 1)
    told = []
    audit = run_audit(source, tmp_path / "out", preset="quick", say=told.append)
    assert audit.embeddings is None and not (tmp_path / "out" / "embeddings.npy").exists()
    assert any("Keeping no embeddings: 60 x 8 numbers" in line for line in told)
    monkeypatch.setattr(embed, "MAX_BYTES", 60 * 8 * 2)
    audit = run_audit(source, tmp_path / "out", preset="quick", overwrite=True)
    assert audit.embeddings.shape == (60, 8)
    audit = Audit.save(tmp_path / "out", audit.samples, audit.trace, overwrite=True)
    assert audit.embeddings is None  # those of an earlier audit are gone


def test_a_notebooks_embeddings_are_kept(finished, tmp_path):
    samples = finished.samples.sample(frac=1, random_state=0)  # rows follow the trace all the same
    saved = Audit.save(tmp_path / "saved", samples, finished.trace, 3 * finished.embeddings)
    np.testing.assert_allclose(saved.embeddings, 3 * finished.embeddings, rtol=1e-3, atol=1e-3)
    with pytest.raises(TraceError, match=r"\(60, d\).*shape \(59, 8\)"):
        Audit.save(tmp_path / "other", finished.samples, finished.trace, finished.embeddings[1:])
    assert not (tmp_path / "other").exists()


def test_planted_labels_come_first(tmp_path, monkeypatch):
    longer = replace(TINY, warmup=4, cycles=1, cycle=4)
    monkeypatch.setitem(PRESETS, "quick", longer)
    source = write_source(tmp_path / "source", n=180, wrong=4)
    audit = run_audit(source, tmp_path / "out", preset="quick")
    planted = {f"green/{number:03d}.png" for number in (0, 3, 6, 9)}
    assert set(audit.scores.index[:4]) == planted
    assert set(audit.scores["suggested_label"].head(4)) == {"red"}


def test_the_same_seed_gives_the_same_ranking(source, tmp_path, tiny):
    first, same, other = (
        run_audit(source, tmp_path / f"out{k}", preset="quick", seed=seed).trace.loss
        for k, seed in enumerate([1, 1, 2])
    )
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)


def test_nobody_elses_random_numbers_are_touched(source, tmp_path, tiny):
    import torch

    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1:3]  # noqa: NPY002
    run_audit(source, tmp_path / "out", preset="quick")
    assert torch.equal(torch_before, torch.get_rng_state())
    keys, drawn = np.random.get_state()[1:3]  # noqa: NPY002
    np.testing.assert_array_equal(keys, numpy_before[0])
    assert drawn == numpy_before[1]


@pytest.mark.parametrize("device, asked", [("cuda", True), ("cpu", False)])
def test_bfloat16_is_for_gpus(device, asked, monkeypatch):
    import torch

    from o2u_nb.training import job

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    faster = object()
    dls = SimpleNamespace(device=torch.device(device))
    learn = SimpleNamespace(dls=dls, to_bf16=lambda: faster)
    assert job.in_fast_precision(learn) is (faster if asked else learn)


def test_measuring_the_time_changes_nothing(source):
    import torch
    from fastai.basics import Learner

    from o2u_nb.data.readers.folders import from_folder
    from o2u_nb.training import job
    from o2u_nb.training.loaders import dataloaders
    from o2u_nb.training.models import CompactResNet

    dls = dataloaders(from_folder(source).samples, bs=16, device="cpu")
    learn = Learner(dls, CompactResNet(3, widths=(4, 8)), loss_func=torch.nn.CrossEntropyLoss())
    before = {name: value.clone() for name, value in learn.model.state_dict().items()}
    assert job.seconds_per_epoch(learn) > 0
    for name, value in learn.model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in learn.model.parameters())


def test_arrays_frames_and_csv_files_are_sources_too(source, tmp_path, tiny):
    files = sorted(source.rglob("*.png"))
    pixels = np.stack([np.asarray(Image.open(f)) for f in files])
    labels = [f.parent.name for f in files]
    audit = run_audit((pixels, labels), tmp_path / "arrays", preset="quick")
    assert len(audit.samples) == 60 and "image" in audit.samples
    frame = pd.DataFrame({"path": [str(f) for f in files], "label": labels})
    assert len(run_audit(frame, tmp_path / "frame", preset="quick").scores) == 60
    frame["path"] = [f.relative_to(source).as_posix() for f in files]
    frame.to_csv(tmp_path / "labels.csv", index=False)
    options = ["--labels", str(tmp_path / "labels.csv"), "--preset", "quick"]
    assert main(["audit", str(source), "--out", str(tmp_path / "csv"), *options]) == 0
    assert len(Audit.open(tmp_path / "csv").scores) == 60


def test_the_command_line_says_how_to_read_the_labels(source, tmp_path, tiny, capsys):
    files = sorted(source.rglob("*.png"))
    rows = [f"{f.relative_to(source).as_posix()};größe {f.parent.name}" for f in files]
    labels = tmp_path / "labels.csv"
    labels.write_bytes("\n".join(["file;colour", *rows, ""]).encode("cp1252"))
    argv = ["audit", source, "--labels", labels, "--out", tmp_path / "out", "--preset", "quick"]
    assert "--encoding cp1252" in refused(capsys, *argv)
    assert "--columns path=file,label=NAME" in refused(capsys, *argv, "--encoding", "cp1252")
    assert "no column 'colr'" in refused(
        capsys, *argv, "--encoding", "cp1252", "--columns", "path=file,label=colr"
    )
    assert "'paht'" in refused(capsys, *argv, "--columns", "paht=file")
    argv += ["--encoding", "cp1252", "--columns", "path=file,label=colour"]
    assert main([str(a) for a in argv]) == 0
    assert set(Audit.open(tmp_path / "out").samples["label"]) == {
        "größe red", "größe green", "größe blue"
    }  # fmt: skip
    alone = ["audit", source, "--out", tmp_path / "alone", "--columns", "path=file"]
    assert "pass it with labels= (--labels)" in refused(capsys, *alone)


def test_problems_are_listed_and_the_rest_is_audited(source, tmp_path, tiny):
    (source / "red" / "empty.png").write_bytes(b"")
    (source / "red" / "torn.png").write_bytes((source / "blue" / "002.png").read_bytes()[:90])
    (source / "odd").mkdir()
    (source / "odd" / "alone.png").write_bytes((source / "blue" / "002.png").read_bytes())
    said = []
    audit = run_audit(source, tmp_path / "out", preset="quick", say=said.append)
    assert dict(zip(audit.problems["sample_id"], audit.problems["problem"], strict=True)) == {
        "red/empty.png": "zero-byte file",
        "red/torn.png": "unreadable image",
        "odd/alone.png": "class with one sample",
    }
    assert "3 problems" in said[0] and "problems.csv" in said[0]
    assert [line.split(":")[0].strip() for line in said[1:4]] == list(audit.problems["sample_id"])
    assert "red/empty.png: zero-byte file (the file holds 0 bytes), left out" in said[1]
    assert len(audit.scores) == 61
    assert set(audit.scores.index[audit.scores["kind"] == "duplicate conflict"]) == {
        "odd/alone.png",
        "blue/002.png",
    }


def test_up_to_ten_problems_are_named_also_in_the_summary(source, tmp_path, tiny, capsys):
    for number in range(12):
        (source / "red" / f"empty{number:02d}.png").write_bytes(b"")
    (source / "red" / "\x1b[31mtorn.png").write_bytes(b"\x89PNG nothing")
    assert main(["audit", str(source), "--out", str(tmp_path / "out"), "--preset", "quick"]) == 0
    out = capsys.readouterr().out
    assert "13 problems (12 x zero-byte file, 1 x unreadable image)" in out
    summary = out[out.index("The most suspicious") :]
    assert "13 problems in the source" in summary and "problems.csv" in summary
    assert "red/empty00.png, red/empty01.png, " in summary and " and 3 more: zero-byte" in summary
    assert summary.count("red/empty") == 9  # and one that is torn: ten names
    assert "\\x1b[31mtorn.png: unreadable image" in summary and "\x1b" not in summary


def test_saving_in_a_notebook_says_the_doubts(finished, tmp_path, capsys, monkeypatch):
    capsys.readouterr()
    monkeypatch.setattr(findings, "doubts", lambda *_: ["This is a doubt."])
    Audit.save(tmp_path / "saved", finished.samples, finished.trace)
    assert "Careful: This is a doubt." in capsys.readouterr().out
    Audit.save(tmp_path / "quiet", finished.samples, finished.trace, quiet=True)
    assert capsys.readouterr().out == ""


def test_a_trace_with_other_labels_is_refused(finished, tmp_path):
    samples = finished.samples.copy()
    changed = samples.index[7]
    samples.loc[changed, "label"] = "green" if samples.loc[changed, "label"] != "green" else "red"
    with pytest.raises(TraceError, match=rf"1 of 60 differ: '{changed}'.*trace\.given"):
        Audit.save(tmp_path / "saved", samples, finished.trace, quiet=True)
    with pytest.raises(TraceError, match=r"samples\.loc\[trace\.ids\]"):
        Audit.save(tmp_path / "saved", samples, finished.trace.take(np.arange(50)), quiet=True)
    assert not (tmp_path / "saved").exists()


def test_time_is_told_before_training_and_progress_reaches_the_end(source, tmp_path, tiny):
    said, heard = [], []
    run_audit(
        source, tmp_path / "out", preset="quick", say=said.append,
        progress=lambda *at: heard.append((*at, len(said))),
    )  # fmt: skip
    announcement = next(i for i, line in enumerate(said) if "about" in line and "4 epochs" in line)
    training = [at for at in heard if at[0] == "training"]
    assert training[0][1:3] == (1, 32) and training[-1][1:3] == (32, 32)
    assert training[0][3] > announcement
    assert {"reading", "decoding"} <= {at[0] for at in heard}


def refused(capsys, *argv) -> str:
    assert main([str(a) for a in argv]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and "Traceback" not in captured.err
    return captured.err


def test_bad_sources_are_one_line_and_nothing_is_written(source, tmp_path, capsys):
    out = tmp_path / "out"
    (tmp_path / "empty").mkdir()
    one = write_source(tmp_path / "one")
    for label in ("red", "green"):
        for file in (one / label).iterdir():
            file.unlink()
        (one / label).rmdir()
    assert "nowhere" in refused(capsys, "audit", tmp_path / "nowhere", "--out", out)
    assert "empty" in refused(capsys, "audit", tmp_path / "empty", "--out", out)
    assert "blue" in refused(capsys, "audit", one, "--out", out)
    (tmp_path / "gone.csv").write_text("path,label\nnot_there.png,red\nnor_this.png,blue\n")
    refused(capsys, "audit", source, "--labels", tmp_path / "gone.csv", "--out", out)
    (tmp_path / "columns.csv").write_text("file,label\na.png,red\n")
    message = refused(capsys, "audit", source, "--labels", tmp_path / "columns.csv", "--out", out)
    assert "path" in message and "file" in message
    assert not out.exists()


def test_wrong_options_exit_with_status_2(source, tmp_path, capsys):
    for argv in (
        ["audit", str(source)],
        ["audit", str(source), "--out", "x", "--preset", "fast"],
        ["audit", str(source), "--out", "x", "--seed", "-1"],
        ["audit", str(source), "--out", "x", "--seed", "one"],
        ["audit", str(source), "--out", "x", "--columns", "path"],
        [],
    ):
        with pytest.raises(SystemExit) as caught:
            main(argv)
        assert caught.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not Path("x").exists()


def test_a_preset_that_is_not_there_is_named_with_those_that_are(source, tmp_path):
    with pytest.raises(O2UError, match="'fast': expected one of instant, quick, standard"):
        run_audit(source, tmp_path / "out", preset="fast")
    assert not (tmp_path / "out").exists()


def test_an_audit_is_never_overwritten_without_being_asked(source, tmp_path, tiny, capsys):
    out = tmp_path / "out"
    run_audit(source, out, preset="quick")
    decisions = out / layout.DECISIONS
    decisions.write_text('{"action": "keep"}\n')
    before = snapshot(out)
    with pytest.raises(AuditExistsError, match="already holds an audit"):
        run_audit(source, out, preset="quick")
    assert "--overwrite" in refused(capsys, "audit", source, "--out", out, "--preset", "quick")
    assert snapshot(out) == before
    run_audit(source, out, preset="quick", seed=9, overwrite=True)
    assert Audit.open(out).facts["seed"] == 9
    assert decisions.read_text() == '{"action": "keep"}\n'


def test_foreign_folders_and_the_source_itself_are_left_alone(source, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=r"thesis\.tex"):
            run_audit(source, foreign, overwrite=overwrite)
    with pytest.raises(OutputError, match="inside the source"):
        run_audit(source, source / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        run_audit(source, tmp_path / "file")
    assert [p.name for p in foreign.iterdir()] == ["thesis.tex"] and not (source / "out").exists()


def test_a_loss_that_explodes_keeps_finished_epochs(source, tmp_path, monkeypatch, capsys):
    wild = replace(TINY, warmup=3, cycle=1, lr=1e30)
    monkeypatch.setitem(PRESETS, "quick", wild)
    with pytest.raises(NonFiniteLossError, match="Try a lower learning rate"):
        run_audit(source, tmp_path / "out", preset="quick")
    message = refused(capsys, "audit", source, "--out", tmp_path / "cli", "--preset", "quick")
    assert message.startswith("o2u_nb: The loss became NaN")


def test_failure_after_an_epoch_keeps_the_trace_and_only_that(source, tmp_path, tiny, monkeypatch):
    from o2u_nb.trace import TraceWriter

    real = TraceWriter.append

    def fail_third(self, **row):
        if self.n_epochs == 2:
            raise NonFiniteLossError("The loss became NaN.")
        real(self, **row)

    monkeypatch.setattr(TraceWriter, "append", fail_third)
    with pytest.raises(NonFiniteLossError):
        run_audit(source, tmp_path / "out", preset="quick")
    assert Trace.open(tmp_path / "out" / "trace").n_epochs == 2
    with pytest.raises(SourceError, match="No finished audit"):
        Audit.open(tmp_path / "out")
    with pytest.raises(AuditExistsError, match="unfinished"):
        run_audit(source, tmp_path / "out", preset="quick")


def test_a_full_disk_leaves_nothing_half_written(source, tmp_path, tiny, monkeypatch, capsys):
    from o2u_nb.data import atomic

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        run_audit(source, tmp_path / "out", preset="quick")
    assert "No space left" in refused(
        capsys, "audit", source, "--out", tmp_path / "cli", "--preset", "quick"
    )
    assert not (tmp_path / "out").exists() and not (tmp_path / "cli").exists()


def test_an_unwritable_place_is_one_clear_error(source, tmp_path, tiny):
    (tmp_path / "blocker").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        run_audit(source, tmp_path / "blocker" / "out", preset="quick")


def test_interruption_is_said_and_keeps_epochs(source, tmp_path, tiny, monkeypatch, capsys):
    from o2u_nb.trace import TraceWriter

    real = TraceWriter.append

    def interrupt(self, **row):
        if self.n_epochs == 1:
            raise KeyboardInterrupt
        real(self, **row)

    monkeypatch.setattr(TraceWriter, "append", interrupt)
    argv = ["audit", str(source), "--out", str(tmp_path / "out"), "--preset", "quick"]
    assert main(argv) == 130
    assert "interrupted" in capsys.readouterr().err
    assert Trace.open(tmp_path / "out" / "trace").n_epochs == 1


def test_photographs_fall_back_to_a_network_from_scratch(tmp_path, tiny, monkeypatch):
    import torch

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    source = write_source(tmp_path / "photos", n=12, wrong=0, side=120)
    said = []
    audit = run_audit(source, tmp_path / "out", preset="quick", say=said.append)
    assert any("no network" in line and "from scratch" in line for line in said)
    assert audit.facts["image_size"] == 64 and audit.facts["model"].startswith("compact")


@pytest.mark.slow
def test_the_command_line_as_a_user_runs_it(source, tmp_path):
    out = tmp_path / "out"
    argv = [sys.executable, "-m", "o2u_nb", "audit", str(source), "--out", str(out)]
    done = subprocess.run([*argv, "--preset", "quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Found 60 pictures in 3 classes" in done.stdout
    assert str(out / "report.html") in done.stdout and str(out / "scores.csv") in done.stdout
    assert done.stderr == "" and "training: 100%" in done.stdout
    assert json.loads((out / "audit.json").read_text())["n_epochs"] == PRESETS["quick"].n_epochs
    again = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert again.returncode == 2 and again.stdout == "" and again.stderr.count("\n") == 1


def test_results_open_without_torch(finished):
    script = (
        "import sys; from o2u_nb import Audit; a = Audit.open(sys.argv[1]); "
        "print(len(a.scores), a.trace.n_epochs, len(a.samples), a.facts['seed']); "
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(finished.folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["60", "4", "60", "0"]


def test_the_range_of_deep_grey_is_said(tmp_path, tiny):
    rng, said = np.random.default_rng(0), []
    for number in range(24):
        pixels = rng.integers(0, 4096, (16, 16)).astype(np.uint16)
        path = tmp_path / "source" / ("cat" if number % 2 else "dog") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    audit = run_audit(tmp_path / "source", tmp_path / "out", preset="quick", say=said.append)
    assert re.match(r"Grey values from \d+ to 4,0[89]\d, which the pictures use", said[1])
    assert audit.samples["grey_high"].nunique() == 1
