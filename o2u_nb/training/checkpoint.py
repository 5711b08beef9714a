"""Checkpoints: what a training needs to go on exactly where it was.

In come a Learner while it trains, and its recorder. Out goes the file `trace.CHECKPOINT` beside the
trace, made again after each epoch: the weights, the state of the optimiser, all random states and
the position in the schedule, as tensors and plain values. Loading it executes no code that it may
hold. The trace may hold more epochs than the checkpoint; they are cut off and trained again.
"""

import copy
import io
import random
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.basics import L, Learner
from fastai.callback.core import Callback, CancelEpochException

from o2u_nb.data import atomic
from o2u_nb.errors import ResumeError
from o2u_nb.text import first_line
from o2u_nb.trace import CHECKPOINT
from o2u_nb.training.processes import ALONE, Group
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.state import (
    generators,
    restore_generators,
    restore_optimiser,
    restored,
    state_of,
)

FORMAT = "o2u_nb checkpoint 2"
# A checkpoint that takes longer than this, in seconds, is not made after every epoch, but only when
# `WAIT` times its own duration has passed since the one before. So large networks, and data sets of
# thousands of classes, spend at most about 3 % of their time on it. Our choices.
CHEAP = 0.2
WAIT = 30


class Checkpoints(Callback):
    """Save a checkpoint after each epoch of a training, and go on from the last one when asked.

    `dynamics` is the recorder of the same training; where it keeps its trace in a temporary folder,
    nothing is saved. A training has one or more stages, each of them one `fit` with its number of
    epochs. `settings` are plain values that decide what is trained; with `resume`, a checkpoint of
    other settings is refused. Of the processes in `group`, the first one saves, and all go on.
    `say` is called with a line of text where the result may differ from that of a training without
    interruption.

    Beside the Learner's own state, that of each callback with the methods `state_dict` and
    `load_state_dict` is kept, and what `once` computed between the stages. Raises `ResumeError` for
    a checkpoint that is damaged, or is about other settings or another network.
    """

    order = 74  # after all callbacks that use a finished epoch, but before one that ends the fit
    run_valid = False

    def __init__(
        self,
        dynamics: DynamicsRecorder,
        settings: dict,
        *,
        group: Group = ALONE,
        resume: bool = False,
        say: Callable[[str], None] = print,
    ):
        super().__init__()
        self.dynamics = dynamics
        self.settings = plain(settings)
        self.say = say
        self.group = group
        path = None if dynamics.out is None else Path(dynamics.out) / CHECKPOINT
        self.path = path if group.first else None
        self.stage = 0
        self.done = 0  # epochs of this stage that are finished
        self.finished = 0  # epochs of all stages that are finished
        self.values: dict[str, Any] = {}  # the state of what `once` computed, by its name
        self.seconds = 0.0  # that the last checkpoint took
        self.saved = 0.0  # when it was saved
        self.random: dict | None = None  # what is set back when the first epoch begins
        self.found = None
        if resume and path and path.exists():
            self.found = load(path)
            _require_same_settings(path, self.found["settings"], self.settings)
            dynamics.restore(self.found["recorder"])
            self.finished = self.found["finished"]
            self.values = self.found["values"]

    @classmethod
    def of(
        cls, learn: Learner, dynamics: DynamicsRecorder, settings: dict, opt_func: Any,
        **options: Any,
    ) -> "Checkpoints":  # fmt: skip
        """Keep checkpoints of a training with one fit; say where it goes on.

        `settings` are those of the method, with its `rates`; batch size and optimiser are added.
        """
        settings = {**settings, "bs": learn.dls.train.bs, "optimiser": name_of(opt_func)}
        made = cls(dynamics, settings, **options)
        if made.finished:
            n = len(settings["rates"])
            made.say(f"Going on after {made.finished} of {n} epochs, which were kept.")
        return made

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """Return what `compute()` returns, such as an array; it is kept under `name`.

        A training that goes on in a later stage gets it back, as it was computed from the network
        of that time.
        """
        if name not in self.values:  # copies, because training may change what it gets
            self.values[name] = copy.deepcopy(state_of(compute()))
        return restored(None, copy.deepcopy(self.values[name]), torch.device("cpu"))

    def fit(self, learn: Learner, stage: int, n_epochs: int, **options: Any) -> None:
        """Train the stage `stage` of `n_epochs`, or what is left of it, as `learn.fit` does.

        This callback and the recorder must be among the callbacks of `learn`. Stages are called in
        their order.
        """
        self.stage = stage
        if self.found is not None and stage < self.found["stage"]:
            learn.dls.train.randomize()  # as that stage did: the loader of the next depends on it
            return
        self.done = 0 if self.found is None else self.found["epoch"]
        with starting_at(learn, self.done):
            learn.fit(n_epochs, reset_opt=True, **options)

    def before_fit(self):
        """Restore what the checkpoint holds, or save what the training starts from."""
        if self.found is not None:
            now = self._machine()
            _say_other_machine(self.found["made_with"], now, self.say)
            self._restore(self.found)
            self.found = None
        elif self.path and self.dynamics.writer.n_epochs == 0:
            self._save()

    def before_epoch(self):
        """Restore the random states as late as possible: nothing else may draw from them."""
        self._restore_random()

    def after_epoch(self):
        """Save the finished epoch, unless it is the last: that is saved at the end of the fit."""
        self.done = self.epoch + 1
        self.finished += 1
        if self.path and self.done < self.n_epoch and self._is_due():
            self._save()

    def after_fit(self):
        """Save the end of the stage, when the trace holds all that belongs to it."""
        self._restore_random()
        if self.path:
            self._save()

    def _is_due(self) -> bool:
        return self.seconds < CHEAP or time.monotonic() - self.saved > WAIT * self.seconds

    def _save(self) -> None:
        assert self.path is not None
        started = time.monotonic()
        try:
            save(self.path, self._state())
        except TypeError as error:  # of `plain`; such a training can go on, but not be resumed
            self.path.unlink(missing_ok=True)
            self.path = None
            self.say(f"{error} If this training is interrupted, it has to start over.")
        self.saved = time.monotonic()
        self.seconds = self.saved - started

    def _state(self) -> dict:
        scaler = getattr(self.learn, "scaler", None)
        return dict(
            made_with=self._machine(),
            settings=self.settings,
            stage=self.stage,
            epoch=self.done,
            finished=self.finished,
            values=self.values,
            train_iter=self.train_iter,
            recorder=self.dynamics.state(),
            model=self.model.state_dict(),
            generators=generators(self.model),
            optimiser=self.opt.state_dict(),
            scaler=scaler.state_dict() if scaler else None,
            loader=self.dls.train.rng.getstate(),
            random=random_states(),
            callbacks={name: callback.state_dict() for name, callback in _stateful(self.learn)},
        )

    def _restore(self, found: dict) -> None:
        """Put everything back but the random states, which `before_epoch` restores."""
        try:
            self.model.load_state_dict(found["model"])
            restore_optimiser(self.opt, found["optimiser"])
        except (RuntimeError, ValueError, AssertionError, LookupError) as error:
            raise ResumeError(
                f"The checkpoint {self.path} is of another network or optimiser "
                f"({first_line(error)}): build the same Learner as before, or train again "
                "with overwrite=True."
            ) from error
        restore_generators(self.model, found["generators"])
        if found["scaler"] and getattr(self.learn, "scaler", None):
            self.learn.scaler.load_state_dict(found["scaler"])
        for name, callback in _stateful(self.learn):
            if name in found["callbacks"]:
                callback.load_state_dict(found["callbacks"][name])
        self.dls.train.randomize()  # as in the first epoch, when the loader may have been new
        self.dls.train.rng.setstate(tuples(found["loader"]))
        self.learn.train_iter = found["train_iter"]
        self.random = found["random"]
        if self.dynamics.on_epoch and self.dynamics.writer.n_epochs:
            self.dynamics.on_epoch(self.dynamics.trace)

    def _machine(self) -> dict:
        return dict(
            torch=str(torch.__version__),
            device=next(self.model.parameters()).device.type,
            threads=torch.get_num_threads(),
            processes=self.group.count,
        )

    def _restore_random(self) -> None:
        if self.random is not None:
            restore_random_states(self.random)
            self.random = None


def require_out(resume: bool, out: str | Path | None) -> None:
    """Raise `ValueError` where a training is to go on, and no folder is given."""
    if resume and out is None:
        raise ValueError("Expected out=, the folder of the training that is to go on; found none.")


@contextmanager
def starting_at(learn: Learner, first: int) -> Iterator[None]:
    """Let a fit inside the `with` block begin with the epoch `first`, counted from 0.

    With fastai's own `start_epoch`, callbacks are told of the epochs that are left out, and those
    that look at the values of an epoch, such as `SaveModelCallback`, fail.
    """

    def fit() -> None:
        bar = getattr(getattr(learn, "progress", None), "mbar", None)
        if bar is not None:
            bar.update(0)  # fastai's bar of epochs takes the time then, and fails without
        for epoch in range(first, learn.n_epoch):
            learn.epoch = epoch
            learn._with_events(learn._do_epoch, "epoch", CancelEpochException)

    learn._do_fit = fit
    try:
        yield
    finally:
        del learn._do_fit


def save(path: Path, state: dict) -> None:
    """Write `state` to `path`, whole or not at all, and wait until it is on the disk.

    Raises `TypeError` for what is not plain, see `plain`, and `OutputError` when the disk refuses.
    """
    memory = io.BytesIO()  # torch reports a full disk as an error without its reason
    torch.save(plain(state), memory)
    content = memory.getbuffer()
    with atomic.replacing(path) as file:
        file.write(b"%s %08x\n" % (FORMAT.encode(), zlib.crc32(content)))
        file.write(content)


def load(path: Path) -> dict:
    """Read a checkpoint; its tensors are on the CPU, and no code in it is executed.

    Raises `ResumeError` when it is damaged, or of another version.
    """
    try:
        head, _, content = path.read_bytes().partition(b"\n")
        form, _, checksum = head.decode("ascii").rpartition(" ")
        if form == FORMAT:
            if int(checksum, 16) != zlib.crc32(content):
                raise ValueError("it is not as it was written, by its checksum")
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if not form.startswith(FORMAT.rpartition(" ")[0]):
            raise ValueError("its first line does not say that it is one")
    except Exception as error:  # torch raises many kinds for what it does not load
        raise ResumeError(
            f"The checkpoint {path} is damaged ({first_line(error)}): delete it and train again "
            "with overwrite=True."
        ) from error
    raise ResumeError(
        f"The checkpoint {path} has the format {form!r}, and this version reads {FORMAT!r}: "
        "go on with the version that wrote it, or train again with overwrite=True."
    )


def plain(value: Any) -> Any:
    """Return `value` with nothing in it but tensors, numbers, text, lists, tuples and dicts.

    Raises `TypeError` for anything else, which could be loaded only by executing code.
    """
    if isinstance(value, torch.Tensor):
        return value.detach().as_subclass(torch.Tensor)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, list | L | range):
        return list(map(plain, value))
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str, bytes):
        if isinstance(value, kind):
            return kind(value)  # a subclass could be loaded only by executing code
    raise TypeError(
        f"A checkpoint holds numbers, text and tensors, and cannot hold a "
        f"{type(value).__module__}.{type(value).__qualname__}."
    )


def name_of(made_by: Any) -> str:
    """Return the name of a function or class, such as an `opt_func`, or else of the value's type.

    >>> name_of(sorted), name_of(0.5)
    ('sorted', 'float')
    """
    return getattr(made_by, "__name__", type(made_by).__name__)


def random_states() -> dict:
    """Return the states of the global random generators of Python, numpy and torch."""
    return dict(
        python=random.getstate(),
        numpy=np.random.get_state(legacy=False),  # noqa: NPY002  users' transforms draw from it
        torch=torch.get_rng_state(),
        cuda=torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    )


def restore_random_states(states: dict) -> None:
    """Set the global random generators to the `states` that `random_states` returned."""
    random.setstate(tuples(states["python"]))
    kept = states["numpy"]
    key = np.array(kept["state"]["key"], dtype=np.uint32)
    np.random.set_state({**kept, "state": {**kept["state"], "key": key}})  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])


def tuples(state: Any) -> Any:
    """Return what `random.getstate` had returned: its parts are tuples."""
    return tuple(map(tuples, state)) if isinstance(state, list | tuple) else state


def _stateful(learn: Learner) -> list[tuple[str, Any]]:
    """List the callbacks that have a state of their own, by name.

    A callback hands on to the Learner what it lacks itself, so its type is asked.
    """
    kinds = ("state_dict", "load_state_dict")
    return [(cb.name, cb) for cb in learn.cbs if all(hasattr(type(cb), kind) for kind in kinds)]


def _say_other_machine(before: dict, now: dict, say: Callable[[str], None]) -> None:
    """Say when the training goes on with another torch or device, or in other processes."""
    before = {"processes": 1, **before}  # earlier versions did not keep it
    differing = [name for name in now if before.get(name) != now[name]]
    if differing:
        listed = ", ".join(f"{name} {before.get(name)}, now {now[name]}" for name in differing)
        much = "as with another seed" if "processes" in differing else "slightly"
        say(
            f"Careful: the first epochs were trained in another way ({listed}): the result can "
            f"differ {much} from that of a training without interruption."
        )


def _require_same_settings(path: Path, before: dict, asked: dict) -> None:
    differing = [name for name in asked if before.get(name) != asked[name]]
    if differing:
        listed = ", ".join(
            f"{name}={before.get(name)!r}, and {asked[name]!r} is asked for" for name in differing
        )
        raise ResumeError(
            f"The training in {path.parent} cannot go on, since it was begun with {listed}. Ask "
            "for the same, choose another folder, or train again with overwrite=True."
        )
