"""Blocks: slices of samples whose data fits into the cache of a processor core.

In comes a trace; out come slices. To compute block by block is several times faster than to compute
on whole arrays, and needs no copies of them.
"""

from o2u_nb.trace import Trace

# Losses in one block (epochs times samples): 8 MB in single precision. We measured that with
# smaller blocks the overhead of numpy's calls costs more time than the cache saves.
BLOCK = 2**21


def blocks(trace: Trace) -> list[slice]:
    """Return slices that together cover all samples of `trace`, of at most about `BLOCK` losses."""
    step = max(1, BLOCK // max(1, trace.n_epochs))
    return [slice(start, start + step) for start in range(0, trace.n_samples, step)]
