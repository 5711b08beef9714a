"""The engine on Ray Data: parts of a bulk job are carried out by actors, on many machines.

In come the work and its parts; out come the parts that are done. Rows of the data set are parts,
not pictures: an actor reads, decodes, scores and writes a whole part, so that pictures do not
travel between machines. Ray starts an actor anew when its process is killed and gives it the part
again; a part is there when it is whole, so none is lost and none is there twice. How much is in
flight is left to Ray.
"""

import json
import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from o2u_nb import errors
from o2u_nb.bulk.output import Done, Output
from o2u_nb.bulk.parts import Part
from o2u_nb.bulk.work import Work, carried_out
from o2u_nb.errors import O2UError
from o2u_nb.scorer import Scorer
from o2u_nb.text import first_line

CPUS = 4  # of an actor, where there is no GPU and nobody says how many actors; our choice
STARTS = 3  # how often Ray is started: it waits half a minute only, too short on a busy machine
BLOCKS = 10_000  # most blocks of parts; a block is done again when its actor dies; our choice


class Size(NamedTuple):
    """How many actors there are, and what each of them has."""

    workers: int
    cpus: int
    gpus: int


class Worker:
    """An actor that carries out parts; its networks are loaded once."""

    def __init__(self, work: Work, cpus: int):
        self.output = Output.at(work.out)
        self.scorer = Scorer(work.learned, n=work.n, workers=cpus, threads=cpus)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Carry out the parts in a batch; errors that a user can act on are rows, too."""
        found = [self._row(Part(*json.loads(text))) for text in batch["part"]]
        return {name: [row[name] for row in found] for name in found[0]}

    def _row(self, part: Part) -> dict[str, Any]:
        empty = {"key": part.key, "rows": 0, "unreadable": 0, "error": "", "message": ""}
        try:
            with self.output.begun(part):
                (done,) = carried_out([part], self.scorer, self.output)
            return {**empty, **done._asdict()}
        except O2UError as error:
            return {**empty, "error": type(error).__name__, "message": str(error)}


def on_ray(work: Work, todo: Sequence[Part], workers: int | None) -> Iterator[Done]:
    """Carry out the parts by actors of Ray Data, and yield those that are done, in any order.

    It joins the cluster that Ray finds (`RAY_ADDRESS`, or one on this machine), or starts Ray on
    this machine until it is done. Raises the error of a part, and `O2UError` when Ray cannot go on.
    """
    with _running() as ray:
        size = _size(ray, workers)
        parts = [{"part": json.dumps(part)} for part in todo]
        data = ray.data.from_items(parts, override_num_blocks=min(len(parts), BLOCKS))
        done = data.map_batches(
            Worker,
            fn_constructor_kwargs={"work": work, "cpus": size.cpus},
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(
                size=min(size.workers, len(parts)), max_tasks_in_flight_per_actor=2
            ),
            num_cpus=size.cpus,
            num_gpus=size.gpus,
        )
        try:
            yield from map(_done, done.iter_rows())
        except ray.exceptions.RayError as error:
            raise O2UError(
                f"Ray could not finish the parts ({error}). Finished ones are kept: call it again."
            ) from error


def _done(row: dict[str, Any]) -> Done:
    if row["error"]:
        raise getattr(errors, row["error"], O2UError)(row["message"])
    return Done(row["key"], row["rows"], row["unreadable"])


def _size(ray: Any, workers: int | None) -> Size:
    """Return how many actors to start: one for each GPU, else one for every few cores."""
    there = ray.cluster_resources()
    cpus, gpus = int(there.get("CPU", 1)), int(there.get("GPU", 0))
    workers = workers or gpus or max(1, cpus // CPUS)
    if workers > cpus:
        raise O2UError(
            f"Expected at most {cpus} workers, one for each core of Ray; found {workers}."
        )
    least = min(int(node["Resources"].get("CPU", 1)) for node in ray.nodes() if node["Alive"])
    return Size(workers, max(1, min(cpus // workers, least)), min(1, gpus))


@contextmanager
def _running() -> Iterator[Any]:
    """Join or start Ray, and yield its module; what was started is stopped at the end."""
    # Ray reports its use to its makers unless this is 0; it is read when ray is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    import ray.data

    context, logger = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    bars, level = context.enable_progress_bars, logger.level
    context.enable_progress_bars = False
    logger.setLevel(logging.ERROR)
    ours = not ray.is_initialized()
    try:
        if ours:
            start(ray)
        yield ray
    finally:
        context.enable_progress_bars = bars
        logger.setLevel(level)
        if ours:
            ray.shutdown()


def start(ray: Any, **options: Any) -> None:
    """Join the cluster that Ray finds, or start Ray on this machine; `options` are of `ray.init`.

    Ray would answer SIGTERM by ending this process at once; afterwards it is answered as before.
    Raises `O2UError` when Ray cannot be started.
    """
    before = signal.getsignal(signal.SIGTERM)
    for left in reversed(range(STARTS)):
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
            break
        except Exception as error:  # Ray raises plain exceptions here
            ray.shutdown()
            if not left:
                raise O2UError(
                    f"Ray could not be started ({first_line(error)}). Close other programs, or use "
                    "the engine 'process'."
                ) from error
    if threading.current_thread() is threading.main_thread():  # elsewhere Ray sets none
        signal.signal(signal.SIGTERM, before)
