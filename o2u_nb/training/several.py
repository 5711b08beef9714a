"""Train one network in several processes that are started here, and end with the training.

In come a Learner and what is asked of it. This process is the first of the group; each other one
gets a copy of the Learner and does the same, see `processes` for what the first one does for all.
"""

import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from fastai.basics import Learner
from torch import distributed
from torch.multiprocessing import ProcessContext, start_processes
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from o2u_nb import stopping
from o2u_nb.errors import O2UError, OutputError, ProcessLostError
from o2u_nb.training import learner  # noqa: F401  adds the verbs, in the other processes too
from o2u_nb.training.processes import begin

PAUSE = 0.1  # seconds between two looks at processes that are starting
PATIENCE = 10.0  # seconds that the processes have to end by themselves
HOST = "127.0.0.1"  # all processes are on this machine
LEARNER = "learner.pt"  # in a folder of its own, which is deleted when all have read it


def how_many(asked: int | None, bs: int, *, say: Callable[[str], None]) -> int:
    """Return in how many processes to train batches of `bs`.

    `asked` is how many are wanted; None stands for as many as there are GPUs, and at least one.
    Each process must have two samples of a batch, since batch normalisation needs them: where
    there are fewer, `say` is called with a line of text. Raises `O2UError` when more are asked for
    than there are GPUs, or in a process that `torchrun` or `accelerate launch` has started.
    """
    gpus = torch.cuda.device_count()
    wanted = max(1, gpus) if asked is None else asked
    if wanted == 1:
        return 1
    if distributed.is_initialized() or int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise O2UError(
            f"Expected to start {wanted} processes, but this one was started together with others: "
            "an audit starts its own, so run it without torchrun or accelerate launch."
        )
    if 0 < gpus < wanted:
        raise O2UError(
            f"Expected at most one process for each GPU, found {wanted} processes and {gpus} "
            f"GPUs: ask for processes={gpus} (--processes {gpus}) or fewer."
        )
    most = max(1, bs // 2)
    if wanted > most:
        say(f"Training in {most} processes instead of {wanted}: a batch has {bs} samples.")
    return min(wanted, most)


@contextmanager
def in_several(learn: Learner, verb: str, count: int, options: dict) -> Iterator[None]:
    """Let `count` processes do together what this one asks of `learn` inside the `with` block.

    That must be `getattr(learn, verb)(**options)`; the call here may have further options for what
    only the first process does (`say`, `on_epoch`, callbacks that show something). Each process
    has its own GPU, where there are any, or its share of the threads of the processor. The others
    are ended with the block, also after an error, and when this process is killed; they leave
    Ctrl-C and SIGTERM to this process.

    Raises `ProcessLostError`, which says why, when one of the others ends during the block, and
    `OutputError` when the Learner cannot be handed to them because the disk is full.
    """
    if count == 1:
        yield
        return
    store = distributed.TCPStore(HOST, 0, count, is_master=True, wait_for_workers=False)
    threads = torch.get_num_threads()
    share = max(1, threads // count)
    with tempfile.TemporaryDirectory(prefix="o2u_learner_", ignore_cleanup_errors=True) as folder:
        path = _handed_over(learn, Path(folder))
        given = (count, store.port, path, torch.initial_seed(), share, verb, options)
        context = start_processes(_help, given, count - 1, join=False, daemon=True)
        try:
            _meet(store, context, count)
        except BaseException:
            _end(context)
            raise
    try:
        torch.set_num_threads(share)
        yield
        distributed.destroy_process_group()
        for process in context.processes:
            process.join(PATIENCE)
    except ProcessLostError as error:
        raise _explained(context, count) from error
    finally:
        _end(context)
        torch.set_num_threads(threads)
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _handed_over(learn: Learner, folder: Path) -> Path:
    """Write `learn` to a file that the others map into memory, so that all share its pictures."""
    path = folder / LEARNER
    try:
        torch.save(learn, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        raise OutputError(
            f"The pictures cannot be handed to the other processes by a file in {folder.parent} "
            f"({error}): make space there, set TMPDIR to another folder, or ask for processes=1 "
            "(--processes 1)."
        ) from error
    return path


def _meet(store: distributed.TCPStore, context: ProcessContext, count: int) -> None:
    """Begin the group when all others have read the Learner, which takes them some seconds."""
    while store.add("ready", 0) < count - 1:
        time.sleep(PAUSE)
        if not all(process.is_alive() for process in context.processes):
            raise _explained(context, count)
    try:
        begin(0, rank=0, world_size=count, store=store)
    except RuntimeError as error:  # one of them has ended just now
        raise _explained(context, count) from error


def _help(
    number: int, count: int, port: int, path: Path, seed: int, threads: int, verb: str,
    options: dict[str, Any],
) -> None:  # fmt: skip
    """Do what the first process does, in another one."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for signum in stopping.SIGNALS:  # they reach all processes of a terminal
        signal.signal(signum, signal.SIG_IGN)
    torch.set_num_threads(threads)
    rank = number + 1
    torch.manual_seed(seed + rank)
    # It holds a whole Learner, and was written by the process that started this one.
    learn = torch.load(path, map_location="cpu", mmap=True, weights_only=False)
    store = distributed.TCPStore(HOST, port, count, is_master=False)
    store.add("ready", 1)
    begin(rank, rank=rank, world_size=count, store=store)
    if torch.cuda.is_available():
        learn.dls.to(torch.device("cuda", rank))
    with suppress(ProcessLostError):  # the first process says it
        getattr(learn, verb)(**options)
        distributed.destroy_process_group()


def _end_with_parent() -> None:
    """End this process at once when the one that started it has ended, however it ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _explained(context: ProcessContext, count: int) -> ProcessLostError:
    """Return an error that says which process ended, and why."""
    until = time.monotonic() + PATIENCE
    for process in context.processes:
        process.join(max(0.0, until - time.monotonic()))
    reason = "Another process ended without saying why"
    try:
        context.join(timeout=0, grace_period=0)
    except ProcessRaisedException as error:
        said = error.msg.strip().splitlines()[-1]
        reason = f"Process {error.error_index + 2} ended with an error: {said}"
    except ProcessExitedException as error:
        how = f"ended with exit code {error.exit_code}, look for its message above"
        if error.signal_name:
            how = f"was ended from outside, with signal {error.signal_name}"
        reason = f"Process {error.error_index + 2} {how}"
    return ProcessLostError(
        f"The training in {count} processes has stopped. {reason.rstrip('.')}. The finished epochs "
        "are kept: go on with resume=True (--resume), if need be with fewer processes."
    )


def _end(context: ProcessContext) -> None:
    for process in context.processes:
        process.kill()
        process.join()
    for file in context.error_files:
        Path(file).unlink(missing_ok=True)
