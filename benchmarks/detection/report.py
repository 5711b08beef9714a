"""The page: in come the rows of all runs, out come tables, pictures and where we lose and win."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common import RESULTS, machine, markdown, mean_and_spread
from benchmarks.detection import plots
from benchmarks.detection.comparing import (
    FIGURES,
    LOWER_IS_BETTER,
    best_of,
    best_rivals,
    compared,
    rivals_of,
)
from benchmarks.detection.scoring import AUDIT, FROZEN, HEAD, NETWORK, ORACLE, OURS, SAME_RUN
from benchmarks.detection.sets import SETS, full_title

FLAGS = {
    "flagged / true": "flagged / wrong labels",
    "flag precision": "precision",
    "flag recall": "recall",
    "flag F1": "F1",
}
TRAININGS = {
    "audit": AUDIT,
    "o2u": NETWORK,
    "head": HEAD,
    "plain": "one training, one cycle",
    "folds": "cleanlab's five folds",
    "head-plain": f"{FROZEN}one training of a head, one cycle",
    "head-folds": f"{FROZEN}cleanlab's five folds",
    "neighbours": f"{FROZEN}votes of neighbours",
}
ORDER = [*TRAININGS, "random"]
INTRODUCTION = f"""\
`python -m benchmarks.detection`. All methods have the same pictures and wrong labels. Those that
train a whole network have the same one, initial weights, augmentation and batch size; those on
frozen features have the same features, of the pretrained network that works offline. Each seed
draws its own. Mean ± standard deviation over seeds; the best of a column is bold, the oracle apart.

* **{AUDIT}** is the column `score` that an audit writes at its defaults. **{NETWORK}** and
  **{HEAD}** are the scores of one training each. Where there are no rows of an audit, "ours" is
  what comes first of the two. Rows that begin "{SAME_RUN.strip()}" are other scores of the
  training of the network, and no rivals.
* **AUM, data maps, forgetting, small loss** come from one training with fastai's one cycle, as long
  as ours. "{ORACLE}" is told by the truth which epoch to take: no user can have it.
* **cleanlab** scores held-out probabilities of five one-cycle trainings, which take together two to
  three times our passes over the pictures. `find_label_issues` ranks what it flags first.
* **{FROZEN}cleanlab** scores held-out probabilities of five logistic regressions, **AUM** is that
  of a head trained plainly, and **kNN vote** and **SimiFeat-style** look at the labels of the ten
  nearest pictures, SimiFeat's on the pictures as they are, without augmented repeats."""


def write(paths: list[Path]) -> Path:
    """Write `results/detection.md` and its pictures from the rows in the files `paths`."""
    rows = read(paths)
    curves = read([path.with_name(f"{path.stem}_curves.csv") for path in paths])
    plots.average_precision(rows, RESULTS / "detection_ap.png")
    plots.review_effort(curves, RESULTS / "detection_effort.png")
    path = RESULTS / "detection.md"
    path.write_text(page(rows), encoding="utf-8")
    return path


def read(paths: list[Path]) -> pd.DataFrame:
    """Read the rows of several files; of rows that are there twice, the last file's count."""
    rows = pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)
    rows = rows.drop_duplicates(["set", "seed", "training", "method"], keep="last")
    return rows.sort_values("training", key=lambda names: names.map(ORDER.index), kind="stable")


def page(rows: pd.DataFrame) -> str:
    """Write the whole page in Markdown."""
    machines = rows["machine"].dropna().unique() if "machine" in rows else [machine()]
    parts = [
        "# How well wrong labels are ranked",
        "; ".join(machines),
        INTRODUCTION,
        settings(rows),
        markdown(sets_table(rows)),
        "![Average precision of each method on each set](detection_ap.png)",
        "![Wrong labels found against labels reviewed](detection_effort.png)",
        *losses_and_wins(rows),
        *(part for figure in FIGURES for part in figure_tables(rows, figure)),
        *flag_tables(rows),
        *cost(rows),
    ]
    return "\n\n".join(parts) + "\n"


def settings(rows: pd.DataFrame) -> str:
    """Say with which preset and at which rates the rows were made."""
    presets = ", ".join(sorted(rows["preset"].unique()))
    text = f"Preset, which sets network, batch size and epochs of all methods: {presets}."
    if "lr" in rows:
        rates = (
            rows[rows["lr"].notna() & (rows["training"] != "random")]
            .groupby("training", sort=False)["lr"]
            .unique()
        )
        given = (f"{TRAININGS[name]} {', '.join(map(str, lrs))}" for name, lrs in rates.items())
        text += f" Largest learning rates: {'; '.join(given)}."
    return text


def sets_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Describe the sets: pictures, classes, the share of wrong labels as realised, and seeds."""
    facts = rows.drop_duplicates(["set", "seed"])[["set", "seed", "n", "classes", "share_wrong"]]
    groups = facts.groupby("set", sort=False)
    spread = mean_and_spread(facts[["set", "seed", "share_wrong"]], by=["set"])
    table = pd.DataFrame(
        {
            "pictures": groups["n"].mean().map("{:,.0f}".format),
            "classes": groups["classes"].max(),
            "share wrong": spread["share_wrong"],
            "seeds": spread["seeds"],
        }
    )
    return titled(table.reindex(known_sets(rows)))


def known_sets(rows: pd.DataFrame, group: str | None = None) -> list[str]:
    """List the sets that have rows, in the order of `SETS`."""
    there = set(rows["set"])
    return [name for name, one in SETS.items() if name in there and group in (None, one.group)]


def titled(table: pd.DataFrame) -> pd.DataFrame:
    """Replace the names of sets in the index by their titles."""
    return table.rename(index=full_title).rename_axis("set")


def figure_tables(rows: pd.DataFrame, figure: str):
    """Yield a heading, and a table for each group: rows are methods, columns are sets."""
    yield f"## {FIGURES[figure]}"
    for group in dict.fromkeys(one.group for one in SETS.values()):
        if names := known_sets(rows, group):
            yield f"### {group}"
            yield markdown(figure_table(rows, figure, names))


def figure_table(rows: pd.DataFrame, figure: str, names: list[str]) -> pd.DataFrame:
    """Tabulate one figure of all methods on the sets `names`, the best of each set in bold."""
    chosen = rows[rows["set"].isin(names)]
    cells = mean_and_spread(chosen[["set", "method", "seed", figure]], by=["method", "set"])
    means = means_of(chosen, figure)[names]
    table = cells[figure].unstack("set").reindex(index=means.index, columns=names).fillna("–")
    means = means.dropna(how="all")
    table = table.reindex(means.index)
    rankable = means.drop(index=ORACLE, errors="ignore")
    best = rankable.min() if figure in LOWER_IS_BETTER else rankable.max()
    bold = rankable.eq(best).reindex(means.index, fill_value=False)
    return table.mask(bold, "**" + table + "**").rename(columns=lambda name: SETS[name].title)


def means_of(rows: pd.DataFrame, figure: str) -> pd.DataFrame:
    """Average a figure over seeds: rows are methods in the order they came, columns are sets."""
    order = pd.unique(rows["method"])
    return rows.pivot_table(figure, "method", "set", sort=False).reindex(order)


def losses_and_wins(rows: pd.DataFrame):
    """Yield the sections on where a rival ranks better than we do, and where none does."""
    pairs = compared(rows)
    rivals = best_of(rivals_of(pairs))
    yield "## Where we lose"
    yield (
        "Every set in which a rival's mean average precision exceeds ours, and the best of those "
        "rivals. The lead is taken seed by seed, on the same pictures and wrong labels; in "
        "spreads: divided by its standard deviation over seeds (n - 1)."
    )
    yield listed(rivals[rivals["lead"] > 0])
    yield from losses_by_other_figures(rows)
    oracle = pairs["rival"] == ORACLE
    yield f"Where the oracle, {ORACLE}, exceeds ours:"
    yield listed(pairs[oracle & (pairs["lead"] > 0)])
    yield "Where another of our own scores, or a part of ours alone, exceeds the one we recommend:"
    beside = best_of(pairs[pairs["rival"].str.startswith((SAME_RUN, *OURS))])
    yield listed(beside[beside["lead"] > 0])
    yield "## Where we win"
    yield "Every set in which no rival, the oracle apart, exceeds ours, and the best rival there."
    yield listed(rivals[rivals["lead"] <= 0], sign=-1)


def losses_by_other_figures(rows: pd.DataFrame):
    """Yield how often a rival is better by any figure, and where, average precision apart."""
    best = best_rivals(rows)
    lost = best[best["lead"] > 0]
    yield (
        f"By all figures, of what is flagged as well: a rival's mean is better in {len(lost)} of "
        f"{len(best)} comparisons, in {(lost['ahead'] == lost['seeds']).sum()} of these with every "
        "seed. The best rival of each set by the other figures, wherever it is better:"
    )
    found = lost[lost["figure"] != "AP"]
    if found.empty:
        yield "None."
        return
    numbers = {name: found[name].tolist() for name in found}
    leads = zip(numbers["lead"], numbers["spread"], strict=True)
    table = pd.DataFrame(
        {
            "set": [full_title(name) for name in numbers["set"]],
            "figure": numbers["figure"],
            "rival": numbers["rival"],
            "its": [f"{value:.3f}" for value in numbers["theirs"]],
            "ours": [f"{value:.3f}" for value in numbers["ours"]],
            "its lead": [with_spread(lead, spread) for lead, spread in leads],
            "seeds ahead": [
                f"{ahead} of {n}"
                for ahead, n in zip(numbers["ahead"], numbers["seeds"], strict=True)
            ],
            "exceed ours": numbers["better"],
        }
    )
    yield markdown(table.set_index("set"))


def listed(found: pd.DataFrame, sign: int = 1) -> str:
    """Write comparisons as a table; `sign` -1 turns their lead into ours."""
    if found.empty:
        return "None."
    columns = {name: found[name].tolist() for name in found}
    leads = list(zip(columns["lead"], columns["spread"], strict=True))
    counts = zip(columns["ahead"], columns["seeds"], strict=True)
    table = pd.DataFrame(
        {
            "set": [full_title(name) for name in columns["set"]],
            "rival": columns["rival"],
            "its AP": [f"{theirs:.3f}" for theirs in columns["theirs"]],
            "our AP": [f"{ours:.3f}" for ours in columns["ours"]],
            "our lead" if sign < 0 else "its lead": [with_spread(sign * d, s) for d, s in leads],
            "in spreads": [in_spreads(sign * d, s) for d, s in leads],
            "its passes / ours": [
                "–" if np.isnan(passes) else f"{passes:.1f}" for passes in columns["passes"]
            ],
            "seeds ahead": [f"{n - ahead if sign < 0 else ahead} of {n}" for ahead, n in counts],
        }
    )
    if sign > 0 and "better" in columns:
        table["exceed ours"] = columns["better"]
    return markdown(table.set_index("set"))


def with_spread(difference: float, spread: float) -> str:
    """Write a difference with its standard deviation over seeds, where there is one."""
    return f"{difference:+.3f}" + ("" if np.isnan(spread) else f" ± {spread:.3f}")


def in_spreads(difference: float, spread: float) -> str:
    """Write a difference in units of its standard deviation over seeds."""
    return f"{difference / spread:.1f}" if spread > 0 else "–"


def flag_tables(rows: pd.DataFrame):
    """Yield the section on what is called wrong outright: our suspects and cleanlab's issues."""
    flagging = rows[rows["flag F1"].notna()].replace(
        {"method": {name: f"{name}, suspects" for name in OURS}}
    )
    cells = mean_and_spread(flagging[["set", "method", "seed", *FLAGS]], by=["set", "method"])
    table = cells.rename(columns=FLAGS).reindex(known_sets(flagging), level="set")
    yield "## What is called wrong"
    yield (
        "How many samples are flagged without being told the true number, and how many rightly. "
        "Suspects of kind `wrong` leave out those that the audit calls `ambiguous`: between the "
        "two rows lies what hard, but rightly labelled samples cost a reviewer."
    )
    yield markdown(table.rename(index=full_title, level="set"))


def cost(rows: pd.DataFrame):
    """Yield the section on what each training costs."""
    runs = rows.drop_duplicates(["set", "seed", "training"])
    runs = runs[runs["training"].isin(TRAININGS)].replace({"training": TRAININGS})
    passes = runs.groupby("training", sort=False)[["training_passes", "evaluation_passes"]].mean()
    passes = passes.rename(columns=lambda name: name.replace("_", " "))
    seconds = mean_and_spread(runs[["set", "training", "seed", "seconds"]], ["set", "training"], 0)
    table = seconds["seconds"].unstack("training").reindex(known_sets(rows))[passes.index]
    threads = ", ".join(map(str, sorted(runs["threads"].unique())))
    yield "## What it costs"
    yield (
        "How often each picture is trained on, and how often it is only looked at. Seconds are "
        f"wall time of training and prediction on {threads} thread(s), without decoding and "
        "scoring, on the machines named above, with other work beside that came and went: to "
        "compare methods, compare passes."
    )
    yield markdown(passes.map("{:.1f}".format))
    yield markdown(titled(table.fillna("–")).add_suffix(", s"))
