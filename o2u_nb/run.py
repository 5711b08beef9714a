"""The main job: from a source of labelled images to a ranked list of suspects in an audit folder.

In come a source and a preset; out comes an `Audit`. Everything before training (bad input, a folder
that holds an audit already) fails before anything is written; `audit.json` is written last.
"""

import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from o2u_nb import embeddings as embeddings_io
from o2u_nb import layout
from o2u_nb.audit import Audit
from o2u_nb.data import atomic, duplicates, grey, sources
from o2u_nb.data import samples as samples_io
from o2u_nb.data.samples import Checked, problems_table
from o2u_nb.detect.counts import estimates
from o2u_nb.detect.stability import stability
from o2u_nb.detect.table import score_table
from o2u_nb.detect.threshold import Estimate, estimate
from o2u_nb.errors import AuditExistsError, OutputError, TraceError
from o2u_nb.presets import PRESETS, Preset
from o2u_nb.report import write_report
from o2u_nb.trace import Trace

Say = Callable[[str], None]
CSV_COLUMNS = ["label", "score", "rank", "p_wrong", "suspect", "suggested_label"]
VAGUE = 0.15  # of the samples between the ends of the estimate's range: more is said to be a doubt
PACKAGES = ("torch", "torchvision", "fastai", "numpy", "pandas", "scikit-learn")


def run_audit(
    source: Any,
    out: str | os.PathLike,
    *,
    labels: str | os.PathLike | None = None,
    columns: dict[str, str] | None = None,
    encoding: str | None = None,
    preset: str = "standard",
    seed: int = 0,
    overwrite: bool = False,
    say: Say = lambda line: None,
    progress=None,
) -> Audit:
    """Train on `source`, rank its samples, and write everything into the folder `out`.

    `source` is anything that `sources.read` takes: a folder of class folders, a folder with a table
    of paths and labels (`labels`), a DataFrame, a torchvision data set, arrays. `columns` (such as
    `{"path": "filename"}`) and `encoding` say how to read that table. `preset` is quick, standard
    or thorough. `say` is told one line at each step; `progress(stage, done, total)` hears of the
    long ones. With `overwrite`, an earlier audit's files in `out` are replaced, its decisions kept.

    Raises `SourceError` for bad input, `AuditExistsError`, `OutputError`, `NonFiniteLossError`.
    """
    started, out = time.monotonic(), Path(out)
    settings = PRESETS[preset]
    check_folder(out, source, overwrite=overwrite)
    progress = progress or (lambda stage, done, total: None)
    how = dict(columns=columns, encoding=encoding, progress=_stage(progress, "reading"))
    checked = sources.read(source, labels, **{k: v for k, v in how.items() if v is not None})
    say(_found(checked))
    if deep := grey.in_words(checked.samples):
        say(deep)
    with _tidy(out):
        samples_io.write(checked.samples, out / layout.SAMPLES)
        _write_csv(checked.problems, out / layout.PROBLEMS, index=False)
        trace, seen, training = _train(checked.samples, settings, out, seed, say, progress)
        _write_embeddings(out, seen)
    facts = dict(
        source=_named(source),
        preset=settings.name,
        seed=seed,
        **training,
        seconds=round(time.monotonic() - started, 1),
    )
    return _finish(out, checked, trace, seen, facts, say)


def save_audit(
    out: str | os.PathLike,
    samples: pd.DataFrame,
    trace: Trace,
    embeddings: np.ndarray | None = None,
    *,
    problems: pd.DataFrame | None = None,
    overwrite: bool = False,
    say: Say = lambda line: None,
) -> Audit:
    """Keep what was trained in a notebook: rank the samples and write an audit folder to `out`.

    `trace` is what `fit_o2u` returned for `samples`, `embeddings` what `embeddings(learn)` did
    ((n_samples, d) float in the order of the trace, of any size; without, the review shows no
    look-alikes), `problems` what the source reported. Raises `TraceError` when they are not of the
    same samples, `O2UError` for embeddings with NaN, `AuditExistsError`, `OutputError`.
    """
    out = Path(out)
    _require_same_samples(samples, trace)
    if embeddings is not None:
        embeddings_io.check(embeddings, trace.n_samples)
    check_folder(out, None, overwrite=overwrite)
    checked = Checked(samples, problems_table([]) if problems is None else problems)
    with _tidy(out):
        samples_io.write(samples, out / layout.SAMPLES)
        _write_csv(checked.problems, out / layout.PROBLEMS, index=False)
        _write_embeddings(out, embeddings)
        trace.save(out / layout.TRACE)
    return _finish(out, checked, trace, embeddings, dict(source="a notebook"), say)


def _finish(
    out: Path,
    checked: Checked,
    trace: Trace,
    embeddings: np.ndarray | None,
    facts: dict,
    say: Say,
) -> Audit:
    """Rank, estimate, and write what is left to write."""
    say("Ranking the samples and writing the report.")
    scores = score_table(trace, embeddings)
    scores.loc[duplicates.conflicting(checked.samples), "kind"] = "duplicate conflict"
    score = scores["score"].reindex(trace.ids).to_numpy()
    table = estimates(trace, score)
    facts = {**facts, **_facts(checked, trace), **_estimated(trace, score, table)}
    for doubt in facts["warnings"]:
        say(f"Careful: {doubt}")
    _write_results(out, checked, trace, scores, table, facts)
    return Audit.open(out)


def _require_same_samples(samples: pd.DataFrame, trace: Trace) -> None:
    strangers = trace.ids.symmetric_difference(samples.index)
    if len(strangers):
        raise TraceError(
            f"Expected a trace of the same {len(samples):,} samples, found one of "
            f"{trace.n_samples:,}; {strangers[0]!r} is in one of them only. Pass the samples table "
            "that the trace was trained on."
        )


def _named(source: Any) -> str:
    is_path = isinstance(source, (str, os.PathLike))
    return str(Path(source).resolve()) if is_path else type(source).__name__


def check_folder(out: Path, source: Any, *, overwrite: bool) -> None:
    """Raise unless an audit of `source` may be written to `out`; nothing is changed.

    `AuditExistsError` when it holds an audit and `overwrite` is False, `OutputError` when it is a
    file, holds other things, or lies inside the source.
    """
    if isinstance(source, (str, os.PathLike)) and out.resolve().is_relative_to(
        Path(source).resolve()
    ):
        raise OutputError(
            f"The output folder {out} lies inside the source {source}, which is never changed: "
            "choose a folder outside it."
        )
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file: choose a new folder for the audit.")
    held = _names(out)
    if held and not held & {layout.SAMPLES, layout.TRACE, layout.FACTS, layout.DECISIONS}:
        raise OutputError(
            f"{out} is not empty and holds no audit (it has {sorted(held)[0]!r}, for one): choose "
            "a new or empty folder."
        )
    if held and not overwrite:
        kind = "an audit" if layout.FACTS in held else "an unfinished audit"
        raise AuditExistsError(
            f"{out} already holds {kind}: choose another folder, or pass --overwrite "
            "(overwrite=True) to replace it; decisions are kept."
        )


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    except OSError as error:
        raise OutputError(
            f"Cannot look into {folder} ({error.strerror}): choose another folder for the audit."
        ) from error


@contextmanager
def _tidy(out: Path):
    """Start from an empty audit folder; on failure leave finished epochs, and nothing but those."""
    existed = out.is_dir()
    try:
        for name in layout.MADE_BY_AUDIT:
            _remove(out / name)
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"Cannot write to {out} ({error.strerror or error}): choose another folder."
        ) from error
    try:
        yield
    except BaseException:
        if not _finished_epochs(out):
            for name in layout.MADE_BY_AUDIT:
                _remove(out / name)
            if not existed:
                shutil.rmtree(out, ignore_errors=True)
        raise


def _finished_epochs(out: Path) -> int:
    try:
        return Trace.open(out / layout.TRACE).n_epochs
    except TraceError:
        return 0


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _train(
    samples, preset: Preset, out: Path, seed: int, say: Say, progress
) -> tuple[Trace, np.ndarray | None, dict]:
    from o2u_nb.training import job  # brings torch and fastai, which takes seconds

    return job.train(samples, preset, out=out / layout.TRACE, seed=seed, say=say, progress=progress)


def _write_embeddings(out: Path, embeddings: np.ndarray | None) -> None:
    if embeddings is not None:
        embeddings_io.write(out / layout.EMBEDDINGS, embeddings)


def _write_results(
    out: Path,
    checked: Checked,
    trace: Trace,
    scores: pd.DataFrame,
    table: pd.DataFrame,
    facts: dict,
) -> None:
    with atomic.replacing(out / layout.SCORES) as file:
        scores.to_parquet(file)
    _write_csv(scores[CSV_COLUMNS], out / layout.SCORES_CSV)
    write_report(
        out / layout.REPORT,
        samples=checked.samples,
        scores=scores,
        trace=trace,
        estimates=table,
        facts=facts,
        problems=checked.problems,
    )
    with atomic.replacing(out / layout.FACTS) as file:
        file.write(json.dumps(facts, indent=2, ensure_ascii=False).encode())


def _write_csv(table: pd.DataFrame, path: Path, **options) -> None:
    with atomic.replacing(path) as file:
        table.to_csv(file, encoding="utf-8", lineterminator="\n", **options)


def _facts(checked: Checked, trace: Trace) -> dict:
    return dict(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        o2u_nb_version=metadata.version("o2u_nb"),
        n_samples=trace.n_samples,
        n_classes=len(trace.classes),
        n_problems=len(checked.problems),
        n_epochs=trace.n_epochs,
        warmup_epochs=int((trace.phase == "warmup").sum()),
        cyclic_epochs=int((trace.phase == "cyclic").sum()),
        record=trace.record,
        stability=_settled(trace),
        versions=dict(
            python=platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}
        ),
    )


def _settled(trace: Trace) -> dict | None:
    """Compare the rankings of the last two cycles; None where there is nothing to compare."""
    compared = stability(trace)
    if not compared or np.isnan(compared[-1].rank_correlation):
        return None
    return {name: round(value, 4) for name, value in asdict(compared[-1]).items()}


def _estimated(trace: Trace, score: np.ndarray, table: pd.DataFrame) -> dict:
    found = estimate(trace, score)
    return dict(
        estimated_wrong=found.count,
        estimated_range=[found.low, found.high],
        estimates={
            name: None if np.isnan(count) else round(count)
            for name, count in table["count"].items()
        },
        warnings=doubts(found, trace.n_samples),
    )


def doubts(found: Estimate, n_samples: int) -> list[str]:
    """Say in sentences why the estimate should not be believed, if so."""
    said = []
    if found.count > n_samples / 2:
        said.append(
            "More than half of the labels look wrong. More likely, the network did not learn to "
            "tell these classes apart: there may be too few pictures, or too little training. Try "
            "the preset thorough, and look at the top suspects before believing the number."
        )
    if found.high - found.low > VAGUE * n_samples:
        said.append(
            f"Between {found.low:,} and {found.high:,} labels may be wrong: the network is unsure "
            "of many pictures, and what it cannot learn looks like a wrong label. Trust the order "
            "of the suspects more than their number, which may be too high."
        )
    return said


def _found(checked: Checked) -> str:
    samples, problems = checked
    line = f"Found {len(samples):,} images in {samples['label'].nunique():,} classes"
    if problems.empty:
        return f"{line}."
    counts = problems["problem"].value_counts()
    listed = ", ".join(f"{count:,} x {problem}" for problem, count in counts.items())
    return f"{line}; {len(problems):,} problems ({listed}), listed in {layout.PROBLEMS}."


def _stage(progress, name: str):
    return lambda done, total: progress(name, done, total)
