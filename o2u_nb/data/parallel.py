"""Map a function over many items in threads, in order and with progress.

In come a function and items; out come the results, one after the other. Pillow releases Python's
global interpreter lock while it decodes, so threads are enough for images. Items are processed in
chunks, so that results do not fill the memory when the caller is slow.
"""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

PLATFORM = sys.platform  # a browser is "emscripten"
Progress = Callable[[int, int], None]  # called with the number of items done, and of all items
Key = TypeVar("Key")
AHEAD = 3  # batches that are computed before they are asked for; our choice


def cpu_count() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(
    function: Callable[[Any], Any],
    items: Sequence,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Iterator:
    """Yield `function(item)` for each of `items`, in order.

    `workers` is the number of threads, by default the number of cores. `progress(done, total)` is
    called in the caller's thread after each chunk, which for most numbers of items is about fifty
    times.

    >>> list(in_threads(str.upper, ["a", "b"]))
    ['A', 'B']
    """
    total = len(items)
    if total == 1:  # as in most decisions: a thread would take longer than the work
        yield function(items[0])
        if progress:
            progress(1, 1)
        return
    chunk = min(256, max(16, total // 50))
    with _mapping(workers or cpu_count()) as over:
        for start in range(0, total, chunk):
            yield from over(function, items[start : start + chunk])
            if progress:
                progress(min(start + chunk, total), total)


def batches_ahead(
    function: Callable[[Any], Any], items: Iterable, size: int, *, workers: int | None = None
) -> Iterator[list]:
    """Yield `function(item)` for each of `items`, in order, in lists of `size`, the last as it is.

    While the caller works on one list, the threads compute those of the next `AHEAD` ones; no more
    of `items` is taken. `workers` is the number of threads, by default the number of cores.

    >>> list(batches_ahead(str.upper, "abcde", 2))
    [['A', 'B'], ['C', 'D'], ['E']]
    """
    lists = ((None, some) for some in in_lists(items, size))
    return (found for _, found in lists_ahead(function, lists, workers=workers))


def lists_ahead(
    function: Callable[[Any], Any], lists: Iterable[tuple[Key, list]], *, workers: int | None = None
) -> Iterator[tuple[Key, list]]:
    """Yield each key of `lists` with `function(item)` for all items of its list, in order.

    As in `batches_ahead`, threads compute what comes next while the caller works on one list.

    >>> list(lists_ahead(str.upper, [("first", ["a", "b"]), ("second", [])]))
    [('first', ['A', 'B']), ('second', [])]
    """
    pool = ThreadPoolExecutor(workers or cpu_count())
    ahead: deque[tuple[Key, list[Future]]] = deque()
    try:
        for key, items in lists:
            ahead.append((key, [pool.submit(function, item) for item in items]))
            if len(ahead) > AHEAD:
                yield _ready(ahead)
        while ahead:
            yield _ready(ahead)
    finally:
        pool.shutdown(cancel_futures=True)


def _ready(ahead: deque[tuple[Key, list[Future]]]) -> tuple[Key, list]:
    key, futures = ahead.popleft()
    return key, [future.result() for future in futures]


def in_lists(items: Iterable, size: int) -> Iterator[list]:
    """Yield `items` in lists of `size`, the last as it is.

    >>> list(in_lists("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while taken := list(islice(rest, size)):
        yield taken


@contextmanager
def _mapping(workers: int) -> Iterator[Callable[..., Iterator]]:
    """Give a `map` that works in threads; in a browser, which has none, Python's own."""
    if PLATFORM == "emscripten":
        yield map
    else:
        with ThreadPoolExecutor(workers) as pool:
            yield pool.map
