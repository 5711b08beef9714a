"""Several processes that train one network together, each on its part of every batch.

In comes what `accelerate launch` or `torchrun` tells each process about the others; out come this
process's place among them, what the first one finds told to all, and sums over all of them.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import distributed

from o2u_nb.errors import O2UError, ProcessLostError
from o2u_nb.trace import TraceWriter

T = TypeVar("T")


@dataclass(frozen=True)
class Group:
    """The processes of a training: `rank` is the place of this one, from 0, among `count`.

    Each process must call the same methods in the same order, because each call waits for all of
    them. When another process has ended, they raise `ProcessLostError`.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Return whether this is the process that writes and shows what all have found."""
        return self.rank == 0

    def once(self, work: Callable[[], T]) -> T:
        """Let the first process do `work`; return its result, or raise its error, in all.

        The result must be something that pickle takes.
        """
        if self.count == 1:
            return work()
        found: list[Any] = [None, None]
        if self.first:
            try:
                found[0] = work()
            except Exception as error:  # whatever it is, it must reach the others, who wait for it
                found[1] = error
        self._call(distributed.broadcast_object_list, found, src=0)
        if found[1] is not None:
            raise found[1]
        return found[0]

    def same(self, value: T) -> T:
        """Return the `value` of the first process, in all."""
        return self.once(lambda: value)

    def said_by(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """Return `say` in the first process, and in the others what says nothing."""
        return say if self.first else lambda line: None

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            self._call(distributed.barrier)

    def add(self, *tensors: torch.Tensor) -> None:
        """Replace each of `tensors` by its sum over all processes."""
        self._reduce(tensors, distributed.ReduceOp.SUM)

    def largest(self, *tensors: torch.Tensor) -> None:
        """Replace each number in `tensors` by the largest one of all processes."""
        self._reduce(tensors, distributed.ReduceOp.MAX)

    def share(self, *tensors: torch.Tensor) -> None:
        """Replace `tensors` by those of the first process."""
        if self.count > 1:
            for tensor in tensors:
                self._call(distributed.broadcast, tensor, src=0)

    def part(self, n: int) -> tuple[slice, int]:
        """Return this process's part of a batch of `n`, and how many samples of it are its own.

        The parts follow each other and differ by at most one sample. A batch that has less than two
        samples for each process belongs to the first one, since batch normalisation needs two; the
        others get the first two samples as padding, of which none is theirs.
        """
        if n < 2 * self.count:
            return (slice(0, n), n) if self.first else (slice(0, min(n, 2)), 0)
        start, end = (n * rank // self.count for rank in (self.rank, self.rank + 1))
        return slice(start, end), end - start

    def _reduce(self, tensors: tuple[torch.Tensor, ...], how) -> None:
        if self.count > 1:
            for tensor in tensors:
                self._call(distributed.all_reduce, tensor, op=how)

    def _call(self, operation: Callable, *args, **options) -> None:
        try:
            operation(*args, **options)
        except RuntimeError as error:
            raise ProcessLostError(
                f"Another of the {self.count} processes that train together has ended, so process "
                f"{self.rank + 1} cannot go on. Look for its message above; the epochs that were "
                "finished are kept if you passed out=, and resume=True goes on with them."
            ) from error


ALONE = Group()


def join() -> Group:
    """Join the processes that were started together, and return the group; alone, a group of one.

    `accelerate launch` and `torchrun` start several processes. Call this at the beginning of the
    script, before the Learner is built: it also chooses the GPU of this process. `fit_o2u` and
    `fit_odd` call it themselves, which is early enough on a CPU. An error of this package is
    printed by the first process alone, because all of them raise it.
    """
    if not distributed.is_available():
        return ALONE
    if not distributed.is_initialized():
        if int(os.environ.get("WORLD_SIZE", "1")) < 2:
            return ALONE
        begin(int(os.environ.get("LOCAL_RANK", "0")))
    found = Group(distributed.get_rank(), distributed.get_world_size())
    if not found.first and sys.excepthook is not _quiet:
        sys.excepthook = _quiet
    return found


def begin(gpu: int, **rendezvous: Any) -> None:
    """Begin the group of this process, and choose its GPU where there are any.

    `rendezvous` says where the processes meet, as `init_process_group` takes it; by default the
    environment says it.
    """
    if torch.cuda.is_available():
        torch.cuda.set_device(gpu)
        distributed.init_process_group("cpu:gloo,cuda:nccl", **rendezvous)
    else:
        distributed.init_process_group("gloo", **rendezvous)


def _quiet(kind, error, trace) -> None:
    """Print errors that the first process does not raise as well."""
    if not isinstance(error, O2UError) or isinstance(error, ProcessLostError):
        sys.__excepthook__(kind, error, trace)


class OneWriter:
    """A `TraceWriter` that the first process has, and that all call in the same way.

    `make` makes it. `folder` and `n_epochs` are its own; an error of it is raised in all processes.
    """

    def __init__(self, group: Group, make: Callable[[], TraceWriter]):
        self.group = group
        self.writer: TraceWriter | None = None

        def begin() -> tuple[Path, int]:
            self.writer = make()
            return self.writer.folder, self.writer.n_epochs

        self.folder, self.n_epochs = group.once(begin)

    def append(self, **row: Any) -> None:
        """Append an epoch; when this returns, all processes can read it."""
        self.group.once(lambda: self._own().append(**row))
        self.n_epochs += 1

    def keep_means(self, means: dict) -> None:
        """Write the mean softmax of phases."""
        self.group.once(lambda: self._own().keep_means(means))

    def _own(self) -> TraceWriter:
        assert self.writer is not None
        return self.writer
