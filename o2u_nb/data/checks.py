"""The checks that the rows of every source go through, in one fixed order.

In come raw rows with the columns sample_id, label, split, and path or image. Their ids may repeat
and their images may be damaged. Each check returns which rows stay and which problems it found. Out
comes `Checked`, with all problems in one table, or a `SourceError` when too little is left to
audit.
"""

import difflib
import os
import stat
from collections.abc import Callable, Sequence

import pandas as pd

from o2u_nb.data import samples as table
from o2u_nb.data.grey import with_grey_range
from o2u_nb.data.images import Item, broken_image, image_items
from o2u_nb.data.lost import Lost
from o2u_nb.data.near_names import NearNames
from o2u_nb.data.parallel import Progress, in_threads
from o2u_nb.data.samples import Checked, Problem
from o2u_nb.data.spellings import Spelling, rarer_spellings, shown
from o2u_nb.data.unread import advice_for
from o2u_nb.errors import SourceError
from o2u_nb.rows import evenly

# When all files are missing, the reason is searched for this many of them. Our choice.
MOST_REASONS = 20

Verdict = tuple[pd.Series, list[Problem]]
Check = Callable[[pd.DataFrame], Verdict]


def raw_rows(
    ids: Sequence[str],
    labels: Sequence[str],
    splits: Sequence[str],
    column: str,
    items: Sequence,
) -> tuple[pd.DataFrame, list[Problem]]:
    """Return raw rows, and problems for the rows that are left out.

    `ids`, `labels`, `splits` and `items` have one entry per row; an empty split becomes "train".
    `column` is the name of the items' column, "path" or "image". Rows with text that is not valid
    UTF-8 are left out, because neither our tables nor our files can hold it. The index of the rows
    is their position in the arguments.
    """
    named = zip(ids, labels, splits, items, strict=True)
    good = []
    positions = []
    problems = []
    for position, row in enumerate(named):
        written = [cell for cell in row if isinstance(cell, str)]
        if all(map(_is_utf8, written)):
            good.append(row)
            positions.append(position)
        else:
            detail = "the name holds bytes that are not valid UTF-8"
            problems.append(Problem(row[0], table.NOT_UTF8, detail, "left out: rename the file"))
    rows = pd.DataFrame(
        {
            "sample_id": pd.Series([row[0] for row in good], dtype="str"),
            "label": pd.Series([row[1] for row in good], dtype="str"),
            "split": pd.Series([row[2] or "train" for row in good], dtype="str"),
            column: pd.Series(
                [row[3] for row in good], dtype="str" if column == "path" else "object"
            ),
        }
    ).set_axis(positions)
    return rows, problems


def check(
    rows: pd.DataFrame,
    problems: Sequence[Problem] = (),
    *,
    source: str,
    classes: Sequence[str] | None = None,
    check_images: bool = True,
    progress: Progress | None = None,
    hint: str = "",
    root: str | None = None,
) -> Checked:
    """Run all checks over raw `rows`; return the samples that stay, and all problems.

    `problems` are those found before; the new ones are added to them. `source` names the data in
    error messages, and `hint` is added to the error about a single class. If `classes` is given,
    rows with other labels are left out. With `check_images` every image is decoded once, and
    `progress(done, total)` is called while this runs. `root` is the folder that paths were relative
    to, by default the working folder. Raises `SourceError` when no file exists, or when no sample
    or only one class is left.
    """
    rows = rows.sort_values("sample_id", kind="stable", ignore_index=True)
    rows, found = _apply(_naming_rules(rows, source, classes, root), rows, list(problems))
    rows, unknown = with_grey_range(rows)
    rules = [lambda rows: _unreadable(rows, progress)] if check_images else []
    rows, found = _apply([*rules, _single_samples, _spellings], rows, found + unknown)
    _require_two_classes(rows, found, source, hint)
    return Checked(table.samples_table(rows), table.problems_table(found))


def without_lost(checked: Checked, *, progress: Progress | None = None) -> Checked:
    """Return `checked` without the samples whose picture cannot be decoded any more.

    They are listed among the problems. Use it when a picture could be decoded when the source was
    read, and can not when it is to be trained on; all are decoded. Raises `SourceError` when fewer
    than two classes are left.
    """
    rows = checked.samples.reset_index()
    stays, found = _unreadable(rows, progress)
    if not found:
        return checked
    lost = [problem._replace(problem=table.LOST) for problem in found]
    _require_two_classes(rows[stays], lost, "the source", "")
    problems = pd.concat([checked.problems, table.problems_table(lost)], ignore_index=True)
    return Checked(checked.samples[stays.to_numpy()], problems)


def _apply(
    rules: Sequence[Check], rows: pd.DataFrame, problems: list[Problem]
) -> tuple[pd.DataFrame, list[Problem]]:
    for rule in rules:
        stays, new = rule(rows)
        rows, problems = rows[stays], problems + new
    return rows, problems


def _naming_rules(
    rows: pd.DataFrame, source: str, classes: Sequence[str] | None, root: str | None
) -> list[Check]:
    """Return the checks that do not open the images."""
    rules = [_missing_ids, _missing_labels]
    if classes is not None:
        rules.append(lambda rows: _unknown_labels(rows, classes))
    rules.append(_duplicates)
    if "path" in rows:
        rules.append(lambda rows: _missing_files(rows, source, Lost(root)))
        rules.append(_zero_bytes)
    return rules


def _missing_ids(rows: pd.DataFrame) -> Verdict:
    bad = rows["sample_id"].str.strip() == ""
    problems = [
        Problem("", table.MISSING_ID, f"a row labelled {label!r} names no image", "left out")
        for label in rows.loc[bad, "label"]
    ]
    return ~bad, problems


def _missing_labels(rows: pd.DataFrame) -> Verdict:
    bad = rows["label"].str.strip() == ""
    return ~bad, [
        Problem(name, table.MISSING_LABEL, "the label is empty", "left out: give it a label")
        for name in rows.loc[bad, "sample_id"]
    ]


def _unknown_labels(rows: pd.DataFrame, classes: Sequence[str]) -> Verdict:
    good = rows["label"].isin(list(classes))
    unknown = rows.loc[~good, ["sample_id", "label"]]
    known = NearNames(classes)
    details = {
        label: f"the label {label!r} is not one of the {len(classes)} classes"
        + _did_you_mean(label, known)
        for label in unknown["label"].unique()
    }
    fate = "left out: correct the label"
    return good, [
        Problem(name, table.UNKNOWN_LABEL, details[label], fate)
        for name, label in unknown.itertuples(index=False)
    ]


def _duplicates(rows: pd.DataFrame) -> Verdict:
    stays = ~rows.duplicated("sample_id")
    repeated = rows[rows.duplicated("sample_id", keep=False)]
    labels: dict[str, list[str]] = {}
    for name, label in repeated[["sample_id", "label"]].itertuples(index=False):
        labels.setdefault(name, []).append(label)
    conflicts = {name for name, found in labels.items() if len(set(found)) > 1}
    stays &= ~rows["sample_id"].isin(list(conflicts))
    return stays, [
        _conflict(name, sorted(set(found)))
        if name in conflicts
        else _listed_again(name, found[0], len(found))
        for name, found in labels.items()
    ]


def _listed_again(name: str, label: str, times: int) -> Problem:
    detail = f"listed {times} times with the label {label!r}"
    return Problem(name, table.DUPLICATE_ID, detail, "kept: once, the first row")


def _conflict(name: str, labels: list[str]) -> Problem:
    detail = "listed with the labels " + " and ".join(map(repr, labels))
    return Problem(name, table.CONFLICTING_LABELS, detail, "left out: decide on one label")


def _missing_files(rows: pd.DataFrame, source: str, lost: Lost) -> Verdict:
    there = rows["path"].map(os.path.isfile).astype(bool)
    missing = rows.loc[~there, ["sample_id", "path"]]
    if len(rows) and not there.any():
        raise SourceError(_none_exists(missing["path"].tolist(), source, lost))
    problems = []
    for name, path in missing.itertuples(index=False):
        reason = lost.reason(path)
        detail = f"no file {path}" + (f"; {reason}" if reason else "")
        problems.append(Problem(name, table.FILE_NOT_FOUND, detail, "left out"))
    return there, problems


def _none_exists(paths: list[str], source: str, lost: Lost) -> str:
    looked_at = [paths[row] for row in evenly(len(paths), MOST_REASONS)]
    reasons = ((path, lost.reason(path)) for path in looked_at)
    path, reason = next((pair for pair in reasons if pair[1]), (paths[0], None))
    advice = f"{reason}: correct the names" if reason else "check the folder they are relative to"
    return (
        f"none of the {len(paths):,} files named in {source} exists; one was looked for at "
        f"{table.printable(path)}: {table.printable(advice)}"
    )


def _zero_bytes(rows: pd.DataFrame) -> Verdict:
    empty = rows["path"].map(os.path.getsize) == 0
    return ~empty, [
        Problem(name, table.ZERO_BYTE_FILE, "the file holds 0 bytes", "left out")
        for name in rows.loc[empty, "sample_id"]
    ]


def _unreadable(rows: pd.DataFrame, progress: Progress | None) -> Verdict:
    items = image_items(rows)
    reasons = list(in_threads(broken_image, items, progress=progress))
    good = pd.Series([reason is None for reason in reasons], index=rows.index, dtype=bool)
    broken = zip(rows["sample_id"], items, reasons, strict=True)
    return good, [
        Problem(name, table.UNREADABLE_IMAGE, reason + _how_to_convert(item), "left out")
        for name, item, reason in broken
        if reason is not None
    ]


def _how_to_convert(item: Item) -> str:
    advice = advice_for(item) if isinstance(item, str) else None
    return f"; {advice}" if advice else ""


def _single_samples(rows: pd.DataFrame) -> Verdict:
    lone = rows[~rows.duplicated("label", keep=False)]
    known = NearNames(rows["label"].unique() if len(lone) else ())
    problems = [
        Problem(
            name,
            table.SINGLE_SAMPLE,
            f"the only sample of the class {label!r}{_did_you_mean(label, known)}",
            "kept: look at it yourself",
        )
        for name, label in lone[["sample_id", "label"]].itertuples(index=False)
    ]
    return pd.Series(True, index=rows.index), problems


def _spellings(rows: pd.DataFrame) -> Verdict:
    rarer = rarer_spellings(rows["label"])
    counts = rows["label"].value_counts()
    details = {name: _spelt(spelling, counts) for name, spelling in rarer.items()}
    fate = "kept: as a class of its own; give both one spelling if they are one class"
    problems = [
        Problem(name, table.SPELLINGS, details[label], fate)
        for name, label in rows[["sample_id", "label"]].itertuples(index=False)
        if label in details
    ]
    return pd.Series(True, index=rows.index), problems


def _spelt(spelling: Spelling, counts: pd.Series) -> str:
    name, usual = shown([spelling.name, spelling.usual])
    return (
        f"{name} ({counts[spelling.name]:,} samples) differs from {usual} "
        f"({counts[spelling.usual]:,} samples) only in {spelling.differs_in}"
    )


def _did_you_mean(name: str, known: NearNames) -> str:
    near = known.near(name)
    return f"; did you mean {near!r}?" if near else ""


def near_miss(name: str, known: Sequence[str], *, cutoff: float = 0.75) -> str | None:
    """Return the entry of `known` that is most similar to `name`, or None.

    Case and outer white space are ignored. `cutoff` is the smallest similarity that counts, 0 to 1,
    as `difflib` measures it. For thousands of names, `NearNames` is the faster way.

    >>> near_miss("Lable ", ["path", "label"])
    'label'
    """
    folded = {entry.strip().casefold(): entry for entry in reversed(known)}
    near = difflib.get_close_matches(name.strip().casefold(), list(folded), n=1, cutoff=cutoff)
    return folded[near[0]] if near else None


def _require_two_classes(rows, problems: list[Problem], source: str, hint: str) -> None:
    if rows.empty:
        raise SourceError(f"nothing in {source} can be audited{_first_of(problems)}")
    if rows["label"].nunique() == 1:
        raise SourceError(
            f"only one class in {source}: {rows['label'].iloc[0]!r} ({len(rows)} samples); "
            f"wrong labels need at least two classes{hint}{_first_of(problems)}"
        )


def _first_of(problems: list[Problem]) -> str:
    lost = [problem for problem in problems if problem.action.startswith("left out")]
    if not lost:
        return ""
    name, problem, detail, _ = map(table.printable, lost[0])
    return f"; {len(lost)} left out, the first: {name}: {problem} ({detail})"


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def gone(samples: pd.DataFrame) -> pd.DataFrame:
    """Return a problems table of the samples whose file cannot be opened any more.

    Use it after a long training, in which the source may have changed since it was read. Files are
    opened but not decoded. The table is empty for samples that hold their images themselves.
    """
    items = image_items(samples)
    reasons = in_threads(_out_of_reach, items)
    fate = "kept: trained and ranked as it was when it was read"
    return table.problems_table(
        Problem(name, table.GONE, reason, fate)
        for name, reason in zip(samples.index, reasons, strict=True)
        if reason is not None
    )


def changed(samples: pd.DataFrame, files_changed: Sequence[bool]) -> pd.DataFrame:
    """Return a problems table of the samples whose file is another one than when it was read.

    `files_changed` has an entry for each sample, in their order. Files that are gone are not
    listed: see `gone`.
    """
    detail = "another size or time of change"
    fate = "kept: trained and ranked as it was before or after the change"
    items = zip(samples.index, image_items(samples), files_changed, strict=True)
    return table.problems_table(
        Problem(name, table.CHANGED, detail, fate)
        for name, item, is_other in items
        if is_other and _out_of_reach(item) is None
    )


def _out_of_reach(item: Item) -> str | None:
    if not isinstance(item, (str, os.PathLike)):
        return None
    try:
        if not stat.S_ISREG(os.stat(item).st_mode):
            return f"the file is gone: {os.fspath(item)}"
        open(item, "rb").close()
    except OSError as error:
        return f"{error.strerror or error}: {os.fspath(item)}"
    return None
