"""The main job: from a source of labelled images to a ranked list of suspects in an audit folder.

In come a source and a preset; out comes an `AuditFolder`. Bad input, or an output folder that
cannot be used, is refused before anything is written; `audit.json` is written last.
"""

import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from o2u_nb import again, embedding_file, extras, unfinished
from o2u_nb import folder as layout
from o2u_nb.building import (
    Place,
    building,
    finish_killed,
    require_apart,
    require_apart_from_pictures,
    reserved,
)
from o2u_nb.data import atomic, duplicates, grey, sealed, sources, spreadsheet
from o2u_nb.data import samples as samples_io
from o2u_nb.data.checks import changed, gone, without_lost
from o2u_nb.data.parallel import Progress
from o2u_nb.data.samples import Checked, named_problems, problems_table
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.findings import Findings
from o2u_nb.errors import SourceError, TraceError
from o2u_nb.folder import AuditFolder, is_finished
from o2u_nb.presets import Preset, preset_named, require_seed
from o2u_nb.progress import Begin, Silence, Watch
from o2u_nb.report import write_report
from o2u_nb.review.copies import copies_among, groups, in_words, kept_copies, known_to
from o2u_nb.review.lineage import carry
from o2u_nb.stored import tables
from o2u_nb.trace import CHECKPOINT, Trace
from o2u_nb.unfinished import Unfinished

Say = Callable[[str], None]
Report = Callable[[str, int, int], None]  # stage, steps done, steps in all
# The columns of the scores that people read in a spreadsheet; `scores.parquet` has all of them.
CSV_COLUMNS = ["label", "score", "rank", "p_wrong", "suspect", "suggested_label"]
# The packages whose versions are recorded, since results can change with them.
PACKAGES = ("torch", "torchvision", "fastai", "numpy", "pandas", "scikit-learn")


def run_audit(
    source: Any,
    out: str | os.PathLike,
    *,
    labels: str | os.PathLike | None = None,
    columns: dict[str, str] | None = None,
    encoding: str | None = None,
    preset: str = "standard",
    eyes: Sequence[str] | None = None,
    seed: int = 0,
    copies: bool = True,
    overwrite: bool = False,
    reopen: bool = False,
    resume: bool = False,
    processes: int | None = 1,
    say: Say = lambda line: None,
    progress: Report | None = None,
    watch: Watch | None = None,
) -> AuditFolder:
    """Train on `source`, rank its samples, and write everything into the folder `out`.

    `source` is anything that `sources.read` takes: a folder of class folders, a folder with a table
    of paths and labels, a DataFrame, a torchvision data set, arrays. The options are:

    * `labels`, the table of paths and labels of a folder; `columns` (such as
      `{"path": "filename"}`) and `encoding` say how to read it;
    * `preset`, the name of one of `PRESETS`;
    * `eyes`, the networks that look at the pictures, instead of the preset's: names as `backbone`
      takes them, or `"network"` for one that is trained on the pictures. The features of pretrained
      networks are kept in `out`, so that a later audit there computes only what is new;
    * `seed`, a whole number that makes a run repeatable;
    * `copies`, whether to search for copies of pictures before the ranking, also smaller, mirrored
      or cropped ones. Copies whose labels differ are marked, those in several splits are listed
      among the problems, and no label is predicted from a copy. Without the search, all this is
      done for identical files, and for copies that an earlier audit in `out` has found. `reopen`
      and `resume` do not compare this option;
    * `overwrite`, whether to replace an earlier audit in `out` once the new one is complete; its
      decisions are kept, see `review.lineage.carry`;
    * `reopen`, whether to return a finished audit in `out` as it is, without training, if it was
      made of the same samples with the same settings;
    * `resume`, whether to go on with an interrupted audit in `out` after its last finished epoch.
      The result is that of an audit without interruption, on the CPU to the bit. A finished one is
      returned as with `reopen`; where there is none, one begins. The settings, the samples and the
      files of their pictures must be the same as before;
    * `processes`, in how many processes a network is trained on the pictures; None for as many as
      there are GPUs. Heads are trained in this process, in seconds. `reopen` and `resume` do not
      compare this option. A script that asks for several processes needs
      `if __name__ == "__main__":` around what it does, because each process imports it;
    * `say` is called with one line of text at each step, `progress(stage, done, total)` during the
      long steps, and `watch(samples)` before the first eye is trained, see `progress.Watch`.

    These errors are raised:

    * `SourceError` for bad input, `O2UError` for an unknown `preset`, `WeightsError` for an unknown
      eye, and `ValueError` for a `seed` or `processes` out of range, or for both `overwrite` and
      `resume`;
    * `AuditExistsError` when `out` holds an audit that is neither to be overwritten nor the one to
      reopen, and `ResumeError` when an unfinished one cannot go on;
    * `InUseError` when another job writes to `out`, `OutputError` when it cannot be used or
      written;
    * `NonFiniteLossError` when a loss becomes NaN or infinite, `FeaturesError` when a frozen
      network gives numbers that are not finite;
    * `MissingExtraError` where torch and fastai are not installed.
    """
    out = Path(out)
    settings = preset_named(preset)
    require_seed(seed)
    _require_processes(processes)
    require_apart(out, source)
    progress, watch = progress or Silence(), watch or Silence().watch
    given = dict(columns=columns, encoding=encoding)
    options = {name: value for name, value in given.items() if value is not None}

    def read() -> Checked:
        checked = sources.read(source, labels, progress=_stage(progress, "reading"), **options)
        require_apart_from_pictures(out, checked.samples)
        for line in _found(checked):
            say(line)
        return checked

    def train(place: Place, checked: Checked, kept: Unfinished) -> Trained:
        def once(samples: pd.DataFrame, kept: Unfinished) -> tuple[Evidence, dict]:
            return _train(
                samples, settings, eyes, place, out, seed, kept, processes, say, progress, watch
            )

        trained = _train_on_what_is_there(once, place, checked, kept, say, progress)
        return trained._replace(facts=dict(preset=settings.name, seed=seed, **trained.facts))

    return make_audit(
        out,
        again.settings(preset, seed, eyes),
        read,
        train,
        source=_named(source),
        copies=copies,
        overwrite=overwrite,
        reopen=reopen,
        resume=resume,
        say=say,
        progress=progress,
        watch=watch,
    )


class Trained(NamedTuple):
    """Hold what the training of an audit gives: on what, what it saw, and facts for the record."""

    checked: Checked
    kept: Unfinished
    evidence: Evidence
    facts: dict


def make_audit(
    out: Path,
    asked: dict,
    read: Callable[[], Checked],
    train: Callable[[Place, Checked, Unfinished], Trained],
    *,
    source: str,
    copies: bool = True,
    overwrite: bool = False,
    reopen: bool = False,
    resume: bool = False,
    say: Say = lambda line: None,
    progress: Report | None = None,
    watch: Watch | None = None,
) -> AuditFolder:
    """Read samples, train on them, rank them, and write everything into the folder `out`.

    `asked` are the settings of the training, as values that JSON can hold. `read()` returns the
    samples, and `train(place, checked, kept)` writes the trace and the embeddings of each eye; what
    the audit has got to is `kept`, and where it was `resumed`, the training goes on. `source` names
    where the samples are from. The other options, and the errors, are those of `run_audit`.
    """
    started = time.monotonic()
    if resume and overwrite:
        raise ValueError("Expected resume=True or overwrite=True, found both: choose one.")
    progress, watch = progress or Silence(), watch or Silence().watch
    unfinished_there = resume and layout.unfinished_in(out) is not None
    if (reopen or resume) and is_finished(out) and not (overwrite or unfinished_there):
        if resume:
            finish_killed(out)
        return _opened(AuditFolder.open(out), asked, read, say, watch)
    extras.require_training()
    with reserved(out, overwrite=overwrite or resume):
        kept = unfinished.to_go_on(out, asked) if resume else None
        checked = read()
        states = again.states(checked.samples)  # as they are before training, which takes minutes
        asked = {**asked, "state": again.digest(checked.samples, states)}
        if kept is not None:
            kept.require_same_data(checked.samples, states)
            say(f"Going on with the unfinished audit in {out}.")
        if deep := grey.in_words(checked.samples):
            say(deep)
        with building(out, go_on_in=None if kept is None else kept.path.parent) as place:
            _write_sources(place, checked)
            kept = kept or Unfinished(place.new(layout.RUN), asked, again.short(states))
            kept.begin(started)
            checked, kept, evidence, training = train(place, checked, kept)
            facts = dict(source=source, asked=kept.asked, **training, **kept.facts())
            found = _copies(out, checked.samples, copies, say, progress)
            _finish(place, out, checked, evidence, facts, found, say, kept.files)
            place.drop(layout.RUN)
            (place.folder / layout.TRACE / CHECKPOINT).unlink(missing_ok=True)  # all is written
        return AuditFolder.open(out)


def _require_processes(processes: int | None) -> None:
    if processes is not None and processes < 1:
        raise ValueError(f"Expected at least one process, found processes={processes!r}.")


def _opened(
    earlier: AuditFolder, asked: dict, read: Callable[[], Checked], say: Say, watch: Watch
) -> AuditFolder:
    """Return the finished audit `earlier` if the same is `asked` for; nothing is trained."""
    again.require_same_settings(earlier, asked)
    samples = read().samples
    again.require_same_data(earlier, samples)
    _show_again(earlier, watch(samples))
    say(
        f"Opened the finished audit in {earlier.folder}, which was made of the same samples with "
        "the same settings. overwrite=True would train again."
    )
    return earlier


def save_audit(
    out: str | os.PathLike,
    samples: pd.DataFrame,
    trace: Trace,
    embeddings: np.ndarray | None = None,
    *,
    problems: pd.DataFrame | None = None,
    copies: bool = True,
    overwrite: bool = False,
    say: Say = lambda line: None,
    progress: Report | None = None,
) -> AuditFolder:
    """Keep what was trained in a notebook: rank the samples and write an audit folder to `out`.

    `trace` is what `fit_o2u` returned for `samples`. `embeddings` is what `embeddings(learn)`
    returned: (n_samples, d) of float, in the order of the trace and of any size; without it, the
    review shows no look-alikes. `problems` is the table of problems that the source reported.
    `copies` says whether copies of pictures are searched for, as in `run_audit`. `say` is called
    with one line of text at each step, and for each reason to doubt the result, and
    `progress("copies", done, total)` during the search.

    Raises `TraceError` when `samples`, `trace` and `embeddings` are not about the same samples with
    the same given labels, `O2UError` for embeddings with NaN, `AuditExistsError` when `out` holds
    an audit and `overwrite` is False, and `OutputError` when `out` cannot be used or written.
    """
    out = Path(out)
    _require_same_samples(samples, trace)
    if embeddings is not None:
        embedding_file.check(embeddings, trace.n_samples)
        embeddings = embedding_file.packed(embeddings)
    with reserved(out, overwrite=overwrite):
        require_apart_from_pictures(out, samples)
        checked = Checked(samples, problems_table([]) if problems is None else problems)
        with building(out) as place:
            _write_sources(place, checked)
            trace.save(place.new(layout.TRACE))
            if embeddings is not None:
                embedding_file.write(place.new(layout.EMBEDDINGS), embeddings)
            found = _copies(out, samples, copies, say, progress or Silence())
            evidence, facts = Evidence(trace, embeddings), dict(source="a notebook")
            _finish(place, out, checked, evidence, facts, found, say)
        return AuditFolder.open(out)


def _write_sources(place: Place, checked: Checked) -> None:
    samples_io.write(checked.samples, place.new(layout.SAMPLES))
    write_problems(place, checked)


def write_problems(place: Place, checked: Checked) -> None:
    """Write the list of what was wrong with the source."""
    _write_csv(checked.problems, place.new(layout.PROBLEMS), index=False)


def _train_on_what_is_there(
    train: Callable[[pd.DataFrame, Unfinished], tuple[Evidence, dict]],
    place: Place,
    checked: Checked,
    kept: Unfinished,
    say: Say,
    progress: Report,
) -> Trained:
    """Train; where pictures were lost since they were read, train again without them."""
    try:
        return Trained(checked, kept, *train(checked.samples, kept))
    except SourceError:
        left = without_lost(checked, progress=_stage(progress, "reading"))
        if len(left.samples) == len(checked.samples):
            raise  # it was about something else
    kept = _begin_without_lost(place, checked, left, kept, say)
    return _train_on_what_is_there(train, place, left, kept, say, progress)


def _begin_without_lost(
    place: Place, checked: Checked, left: Checked, kept: Unfinished, say: Say
) -> Unfinished:
    """Keep that the training starts over with what is `left` of the samples, and say so."""
    names = checked.samples.index.difference(left.samples.index)
    say(
        f"Careful: {len(names):,} pictures can no longer be read, such as {names[0]}; they are "
        f"left out, and listed in {layout.PROBLEMS}. Training starts over without them."
    )
    kept.write()  # it counts the time until now
    _write_sources(place, left)
    states = again.states(left.samples)
    asked = {**kept.asked, "state": again.digest(left.samples, states)}
    begun = Unfinished(kept.path, asked, again.short(states), seconds=kept.seconds)
    begun.write()
    return begun


def _copies(
    out: Path, samples: pd.DataFrame, search: bool, say: Say, progress: Report
) -> pd.Series:
    """Return which samples show the same picture; only `search` looks for more than equal files."""
    if not search:
        return groups(samples, kept_copies(out, samples))
    say("Looking for copies among the pictures.")
    found = copies_among(out, samples, progress=_stage(progress, "copies"))
    if len(found):
        for line in in_words(duplicates.compared(found, samples), len(samples)):
            say(line)
    return groups(samples, found)


def _finish(
    place: Place,
    out: Path,
    checked: Checked,
    evidence: Evidence,
    facts: dict,
    copies: pd.Series,
    say: Say,
    files: Sequence[str] | None = None,
) -> None:
    """Rank the samples, look at earlier decisions in `out`, and write the remaining files.

    `copies` says which samples show the same picture, see `review.copies.groups`. `files` are the
    digests of the pictures as they were before training, see `again.short`.
    """
    say("Ranking the samples and writing the report.")
    checked = _with_late_problems(place, checked, files, copies, say)
    findings = Findings.of(known_to(evidence, copies), notes=facts.get("eye_notes", ()))
    carried = carry(out, checked.samples)
    for line in (*map("Careful: {}".format, findings.doubts), *carried.said):
        say(line)
    facts = {
        **facts,
        **totals(checked, evidence.trace),
        **findings.facts(),
        "earlier_decisions": carried.facts,
    }
    write_results(place, checked, findings, facts)


def _with_late_problems(
    place: Place, checked: Checked, files: Sequence[str] | None, copies: pd.Series, say: Say
) -> Checked:
    """Add what is known only now: pictures that have disappeared, changed, or are in two splits."""
    now = again.short(again.states(checked.samples))
    others = [before != after for before, after in zip(files or now, now, strict=True)]
    found = {
        "have disappeared since they were read": gone(checked.samples),
        "have changed since they were read": changed(checked.samples, others),
        "have a copy in another split": duplicates.in_several_splits(
            checked.samples, copies.to_numpy()
        ),
    }
    for what, problems in found.items():
        if len(problems):
            say(
                f"Careful: {len(problems):,} pictures {what}, such as {problems['sample_id'][0]}; "
                f"they are still ranked, and listed in {layout.PROBLEMS}."
            )
    if not any(map(len, found.values())):
        return checked
    problems = pd.concat([checked.problems, *found.values()], ignore_index=True)
    checked = checked._replace(problems=problems)
    write_problems(place, checked)
    return checked


def _require_same_samples(samples: pd.DataFrame, trace: Trace) -> None:
    """Raise `TraceError` unless both have the same ids and, for each, the same given label."""
    strangers = trace.ids.symmetric_difference(samples.index)
    if len(strangers):
        raise TraceError(
            f"Expected a trace of the same {len(samples):,} samples, found one of "
            f"{trace.n_samples:,}; {strangers[0]!r} is in one of them only. Pass the samples table "
            "that the trace was trained on: `samples.loc[trace.ids]` where training left some out; "
            "`learn.audit(out)` makes the table from the Learner's own items."
        )
    require_same_labels(samples, trace.given)


def require_same_labels(samples: pd.DataFrame, trained_on: pd.Series) -> None:
    """Raise `TraceError` unless `samples` have the labels `trained_on`, a series by id."""
    given = samples["label"].reindex(trained_on.index)
    differs = (trained_on.astype(object) != given.astype(object)).to_numpy()
    if differs.any():
        sample_id = trained_on.index[int(differs.argmax())]
        raise TraceError(
            f"Expected the labels that the trace was trained on, but {differs.sum():,} of "
            f"{len(trained_on):,} differ: {sample_id!r} is {given[sample_id]!r} in the samples "
            f"table and {trained_on[sample_id]!r} in the trace. Pass the table that was trained "
            "on, or use `samples.assign(label=trace.given)` where only the names differ."
        )


def _show_again(audit: AuditFolder, begin: Begin) -> None:
    """Show how each eye of a finished audit was trained, as when it was made."""
    for eye in audit.facts.get("eyes", ()):  # an audit of a user's own Learner names none
        trace = audit.eyes[eye["name"]]
        begin(eye["title"], trace.n_epochs)(trace)


def _named(source: Any) -> str:
    is_path = isinstance(source, (str, os.PathLike))
    return str(Path(source).resolve()) if is_path else type(source).__name__


def _train(
    samples: pd.DataFrame,
    preset: Preset,
    eyes: Sequence[str] | None,
    place: Place,
    out: Path,
    seed: int,
    kept: Unfinished,
    processes: int | None,
    say: Say,
    progress: Report,
    watch: Watch,
) -> tuple[Evidence, dict]:
    from o2u_nb.training import job  # imports torch and fastai, which takes seconds

    reuse = [out / layout.FEATURES] if place.folder != out else []
    begin = watch(samples)
    asked = job.Job(samples, preset, seed, place.new, say, progress, begin, kept, reuse, processes)
    return job.train(asked, eyes)


def write_results(place: Place, checked: Checked, findings: Findings, facts: dict) -> None:
    """Write what is computed from samples and traces: scores, report and, at the end, the facts."""
    with atomic.replacing(place.new(layout.SCORES)) as file:
        findings.scores.to_parquet(file)
    _write_csv(findings.scores[CSV_COLUMNS], place.new(layout.SCORES_CSV))
    write_report(place.new(layout.REPORT), findings, checked, facts)
    facts = {**facts, tables.FILES: layout.listed(place.folder)}
    with atomic.replacing(place.new(layout.FACTS)) as file:
        file.write(sealed.seal(facts, indent=2))


def _write_csv(table: pd.DataFrame, path: Path, **options: Any) -> None:
    with atomic.replacing(path) as file:
        spreadsheet.inert(table).to_csv(file, encoding="utf-8", lineterminator="\n", **options)


def totals(checked: Checked, trace: Trace) -> dict:
    """Return what `audit.json` says of any audit: counts, versions, and when it was made."""
    return dict(
        format=layout.FORMAT,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        o2u_nb_version=metadata.version("o2u_nb"),
        n_samples=trace.n_samples,
        n_classes=len(trace.classes),
        n_problems=len(checked.problems),
        n_epochs=trace.n_epochs,
        warmup_epochs=int((trace.phase == "warmup").sum()),
        cyclic_epochs=int((trace.phase == "cyclic").sum()),
        record=trace.record,
        versions=dict(python=platform.python_version(), **extras.versions(PACKAGES)),
    )


def _found(checked: Checked) -> list[str]:
    """Return lines that say what was found in the source, and what is wrong with it."""
    samples, problems = checked
    line = f"Found {len(samples):,} pictures in {samples['label'].nunique():,} classes"
    if problems.empty:
        return [f"{line}."]
    counts = problems["problem"].value_counts()
    listed = ", ".join(f"{count:,} x {problem}" for problem, count in counts.items())
    head = f"{line}; {len(problems):,} problems ({listed}), listed in {layout.PROBLEMS}."
    return [head, *(f"  {said}" for said in named_problems(problems))]


def _stage(progress: Report, name: str) -> Progress:
    return lambda done, total: progress(name, done, total)
