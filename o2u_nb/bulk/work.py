"""The work of a bulk job: what a worker, here or on another machine, does with its parts.

In come parts, a scorer and the output; out come the parts, each written whole.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

from o2u_nb.bulk.output import Done, Output
from o2u_nb.bulk.parts import Part, rows_of_part
from o2u_nb.errors import O2UError
from o2u_nb.scorer import SCORED, Learned, Row, Scorer, in_batches


class Work(NamedTuple):
    """What a worker needs, as plain data: what was learned, where to write, how many pictures."""

    learned: Learned
    out: str
    n: int


def carried_out(parts: Iterable[Part], scorer: Scorer, output: Output) -> Iterator[Done]:
    """Score parts, and write each as soon as it is scored, unless it is there already.

    While a part is scored and written, pictures of the next one are decoded; networks never look at
    pictures of two parts together, so that a part has the same scores whatever comes before it.
    Where a part cannot be read, those before it are written first, and then its error is raised.
    """
    failed: list[O2UError] = []
    scored: list[pa.Table] = []
    for part, table in scorer.judging(_rows(parts, output, failed)):
        if len(table):
            scored.append(table)
            continue
        if output.has(part):  # from before, or another job has written it meanwhile
            yield output.done(part)
        else:
            yield output.write(part, pa.concat_tables([SCORED.empty_table(), *scored]))
        scored = []
    if failed:
        raise failed[0]


def _rows(
    parts: Iterable[Part], output: Output, failed: list[O2UError]
) -> Iterator[tuple[Part, list[Row]]]:
    """Yield the pictures of each part as networks take them, and an empty list at its end.

    It ends at a part that cannot be read, whose error it adds to `failed`.
    """
    for part in parts:
        try:
            if not output.has(part):
                yield from ((part, rows) for rows in in_batches(rows_of_part(part)))
        except O2UError as error:
            failed.append(error)
            return
        yield part, []
