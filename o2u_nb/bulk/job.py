"""A bulk job: score the pictures of Parquet tables, part by part, and keep what is done.

In come an audit, a source and a folder; out come `scores/` and `unreadable/` in that folder. An
engine says where parts are carried out: in this process, or on Ray Data (`on_ray`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from o2u_nb.bulk.on_ray import on_ray
from o2u_nb.bulk.output import Done, Output
from o2u_nb.bulk.parts import Part, labels_of_part, parts_of
from o2u_nb.bulk.work import Work, carried_out
from o2u_nb.data.parallel import Progress
from o2u_nb.errors import O2UError
from o2u_nb.extras import require_ray, require_training
from o2u_nb.folder import AuditFolder
from o2u_nb.scorer import Scorer, learned_by
from o2u_nb.scoring import require_known

ROWS = 10_000  # of a part: a minute or two of work, which a killed worker loses; our choice
PROCESS, RAY = "process", "ray"
ENGINES = (PROCESS, RAY)


class Summary(NamedTuple):
    """What a bulk job did: `kept` parts were there before; pictures are those of the others."""

    out: str
    parts: int
    kept: int
    pictures: int
    unreadable: int
    seconds: float


def score_in_bulk(
    audit: AuditFolder,
    source: Any,
    out: Any,
    *,
    engine: str = PROCESS,
    workers: int | None = None,
    rows: int = ROWS,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Summary:
    """Score the pictures of Parquet tables by what `audit` learned, into the folder `out`.

    `source` is a Parquet file or a folder of them, and `out` a folder, each on this machine or a
    URL that fsspec can open. The tables have a column `path` or `image` (bytes), and may have
    `sample_id` and `label`; see `parts.rows_of_part`. Written are `scores/` and `unreadable/`, a
    file in each for every part of `rows` rows; both together have each row once. What the columns
    of the scores mean is said by `scoring.score`; there are no ranks, and ids are not compared
    between parts. Parts that are there from an earlier call are not computed again.

    With the engine "process", one process computes; with "ray", as many actors of Ray Data as
    `workers` says, each with a GPU where there are some. `progress(done, total)` counts pictures.

    Raises what `scorer.learned_by` and `Scorer` raise, `SourceError` when a table cannot be read,
    `OutputError` when `out` holds something else or cannot be written, `MissingExtraError` where a
    package is not installed, and `O2UError` for another engine and when no label is known.
    """
    started = time.monotonic()
    _require_engine(engine, workers)
    learned = learned_by(audit)
    parts = parts_of(source, rows)
    require_known(learned, labels_of_part(parts[0]), audit.folder)
    about = {"audit": learned.digest(), "eyes": [eye.name for eye in learned.eyes], "rows": rows}
    output = Output.at(out)
    before = output.begin(about, parts)
    todo = [part for part in parts if part.key not in before]
    # The number of all pictures, so that networks run in the same way when a job goes on.
    work = Work(learned, output.place.url, sum(part.n_rows for part in parts))
    done = _followed(_engine(engine, work, todo, workers, say), parts, todo, progress)
    output.tidy()
    return Summary(
        output.place.url,
        len(parts),
        len(before),
        sum(part.n_rows for part in todo),
        sum(one.unreadable for one in done),
        time.monotonic() - started,
    )


def in_process(work: Work, todo: Sequence[Part], say: Callable[[str], None]) -> Iterator[Done]:
    """Carry out the parts in this process, one after the other."""
    scorer = Scorer(work.learned, n=work.n, say=say)
    yield from carried_out(todo, scorer, Output.at(work.out))


def _engine(
    name: str,
    work: Work,
    todo: Sequence[Part],
    workers: int | None,
    say: Callable[[str], None],
) -> Iterator[Done]:
    if not todo:
        return iter(())
    return in_process(work, todo, say) if name == PROCESS else on_ray(work, todo, workers)


def _followed(
    done: Iterator[Done], parts: Sequence[Part], todo: Sequence[Part], progress: Progress | None
) -> list[Done]:
    """Wait until all parts are done, and tell how many pictures are, those kept from before too."""
    total = sum(part.n_rows for part in parts)
    ready = total - sum(part.n_rows for part in todo)
    found = {}
    for one in done:
        found[one.key] = one
        ready += one.rows
        if progress:
            progress(ready, total)
    if lacking := {part.key for part in todo} - set(found):
        raise O2UError(
            f"Expected {len(todo):,} parts to be scored, of which {len(lacking):,} were not: call "
            "it again, and it goes on with these."
        )
    return list(found.values())


def _require_engine(engine: str, workers: int | None) -> None:
    if engine not in ENGINES:
        raise O2UError(f"Expected an engine, {' or '.join(ENGINES)}; found {engine!r}.")
    if engine == PROCESS and workers is not None:
        raise O2UError(
            f"Expected workers with the engine {RAY!r} only: {PROCESS!r} is one process."
        )
    require_training()
    if engine == RAY:
        require_ray()
