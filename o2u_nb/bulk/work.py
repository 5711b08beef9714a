"""The work of a bulk job: what a worker, here or on another machine, does with one part.

In come a part, a scorer and the output; out comes the part, written whole.
"""

from typing import NamedTuple

import pyarrow as pa

from o2u_nb.bulk.output import Done, Output
from o2u_nb.bulk.parts import Part, rows_of_part
from o2u_nb.scorer import SCORED, Learned, Scorer


class Work(NamedTuple):
    """What a worker needs, as plain data: what was learned, where to write, how many pictures."""

    learned: Learned
    out: str
    n: int


def carried_out(part: Part, scorer: Scorer, output: Output) -> Done:
    """Score a part and write it, unless it is there already."""
    if output.has(part):
        return output.done(part)
    scored = pa.concat_tables([SCORED.empty_table(), *scorer.stream(rows_of_part(part))])
    return output.write(part, scored)
