"""What the command line says of a finished audit."""

from o2u_nb.audit import Audit
from o2u_nb.data.samples import named_problems
from o2u_nb.folder import PROBLEMS
from o2u_nb.text import on_one_line, percent

SHOWN = 10  # suspects that the summary lists, so that it fits on one screen


def print_summary(found: Audit) -> None:
    """Print how many labels look wrong, the top suspects, the problems, and what to do next."""
    facts = found.facts
    scores = found.scores
    stability = found.findings.stability
    print(f"\n{_how_many(facts)}. The most suspicious, given -> looks like:\n")
    top = scores.head(SHOWN)
    ids = [on_one_line(id) for id in top.index]
    width = min(60, max(map(len, ids)))
    labels = zip(ids, top["label"], top["suggested_label"], strict=True)
    for rank, (id, label, suggested) in enumerate(labels, start=1):
        name = id if len(id) <= width else f"...{id[-width + 3 :]}"
        print(f"{rank:>4}  {name:<{width}}  {on_one_line(label)}  ->  {on_one_line(suggested)}")
    if stability is not None:
        print(f"\nHow stable the ranking is: {stability}.")
    if len(found.problems):
        print(f"\n{len(found.problems):,} problems in the source:\n")
        for line in named_problems(found.problems):
            print(f"  {on_one_line(line)}")
        print(f"\nAll of them: {found.folder / PROBLEMS}")
    print(
        f"\nAll samples, ranked: {found.folder / 'scores.csv'}\n"
        f"Next: open the report, {found.report}"
    )


def _how_many(facts: dict) -> str:
    """Say how many labels look wrong: a number, or a range where the audit doubts it."""
    total = facts["n_samples"]
    if facts["warnings"]:
        low, high = facts["estimated_range"]
        return f"{low:,} to {high:,} of {total:,} labels may be wrong (a doubtful estimate)"
    count = facts["estimated_wrong"]
    return f"About {count:,} of {total:,} labels look wrong ({percent(count / total)})"
