"""Train on this process's part of each batch, and add up the gradients of all processes.

In come the `Group` of processes and any fastai loader; the network gets the same updates as one
process would give it with the whole batches, up to rounding.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from fastai.basics import Learner
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar
from fastai.data.load import DataLoader

from o2u_nb.errors import RecordingError
from o2u_nb.training.batches import SampleLoader
from o2u_nb.training.processes import Group, join

SHARED = ("get_idxs", "create_batches")  # the methods of a loader that a `Share` replaces


class SharedBatches(Callback):
    """Let the processes of `group` train one network, each on its part of every batch.

    The batches, their order and the number of updates are those of a single process, so the batch
    size and the learning rates stay as they are; to give each GPU more work, build the loaders with
    a larger `bs`. At the beginning all processes get the weights of the first. Batch normalisation
    uses the statistics of each process's own part, and between two epochs all get the running
    statistics of the first; a network with it is therefore not trained quite as by one process.
    """

    order = 44  # just before the recorder, which adds up what the processes have seen
    run_valid = False

    def __init__(self, group: Group):
        super().__init__()
        self.group = group
        self.share: Share | None = None

    def before_fit(self):
        """Begin with the weights and the random numbers of the first process."""
        self.group.share(*_numbers(self.model.parameters()), *_numbers(self.model.buffers()))
        own = self.dls.train.rng
        own.setstate(self.group.same(own.getstate()))

    def before_train(self):
        """Take a part of each batch of this epoch; a method may have changed the loader."""
        self._end()
        self.share = Share(self.dl, self.group)

    def after_backward(self):
        """Make the gradients those of the mean loss over the whole batch."""
        _, own = self.group.part(batch_size(self.dl, len(drawn_by(self.dl)), self.iter))
        given = [p.grad for p in self.model.parameters() if p.requires_grad and p.grad is not None]
        for gradients in _by_kind(given):
            count = gradients[0].new_tensor([own])
            joined = torch.cat([g.reshape(-1) * own for g in gradients] + [count])
            self.group.add(joined)
            sums = (joined[:-1] / joined[-1]).split([g.numel() for g in gradients])
            for gradient, total in zip(gradients, sums, strict=True):
                gradient.copy_(total.view_as(gradient))

    def after_train(self):
        """Give all processes the running statistics of the first."""
        self._end()
        self.group.share(*_numbers(self.model.buffers()))

    def after_fit(self):
        """Let the loader serve whole batches again, also after an error."""
        self._end()

    def _end(self) -> None:
        if self.share is not None:
            self.share.end()
            self.share = None


class Share:
    """Let a loader draw what the first process draws, and serve this process's part of each batch.

    Our own loaders make the whole batch first, with the same random shifts as a single process, and
    it is cut then; it costs little. Others decode only the part.
    """

    def __init__(self, dl: DataLoader, group: Group):
        self.dl = dl
        self.group = group
        self.before = {name: vars(dl)[name] for name in SHARED if name in vars(dl)}
        self.idxs, self.batches = dl.get_idxs, dl.create_batches
        # `DataLoader.new` copies functions that it finds here, but no bound methods.
        dl.get_idxs = self.get_idxs
        dl.create_batches = self.create_batches

    def get_idxs(self) -> list[int]:
        """Return the positions that the first process draws; all draw, to stay in step."""
        return self.group.same(list(self.idxs()))

    def create_batches(self, samps: Iterable[int]) -> Iterator[Any]:
        """Yield this process's part of each batch of the positions `samps`."""
        if isinstance(self.dl, SampleLoader):
            for inputs, labels in self.batches(samps):
                part, _ = self.group.part(len(labels))
                yield inputs[part], labels[part]
            return
        for chunk in self.dl.chunkify(samps):
            part, _ = self.group.part(len(chunk))
            yield self.dl.do_batch([self.dl.do_item(i) for i in chunk[part]])

    def end(self) -> None:
        """Let the loader serve whole batches of its own again."""
        for name in SHARED:
            delattr(self.dl, name)
        vars(self.dl).update(self.before)


def drawn_by(dl: DataLoader) -> list[int]:
    """Return the positions that `dl` serves in this pass, in their order.

    fastai draws them once per pass in the main process, even with worker processes and for weighted
    or partial loaders, and keeps them in a private attribute. No public attribute has them, and
    `get_idxs` would draw others. Raises `RecordingError` for a loader without them.
    """
    order = getattr(dl, "_DataLoader__idxs", None)
    if order is None or dl.bs is None:
        raise RecordingError(
            f"Expected a fastai DataLoader with a batch size, found {type(dl).__name__}, which "
            "does not tell the order of its samples: use ImageDataLoaders or our `dataloaders`."
        )
    return order


def batch_size(dl: DataLoader, drawn: int, number: int) -> int:
    """Return how many samples the whole batch `number` has, from 0, if a pass draws `drawn`."""
    if isinstance(dl, SampleLoader):
        return dl.sizes(drawn)[number]
    return min(dl.bs, drawn - number * dl.bs)


@contextmanager
def together(learn: Learner) -> Iterator[Group]:
    """Let the processes that were started together train `learn` inside the `with` block.

    Only the first of them shows progress. Alone, nothing is changed.
    """
    group = join()
    with ExitStack() as stack:
        if group.count > 1:
            stack.enter_context(learn.added_cbs([SharedBatches(group)]))
        if not group.first:
            stack.enter_context(learn.no_bar())
            stack.enter_context(learn.no_logging())
        yield group
        group.wait()  # until all have read what the first has written


def own_share(dl: DataLoader, group: Group) -> int:
    """Let a loader that serves all samples in order serve this process's share, one stretch.

    Returns the position of its first sample.
    """
    if group.count == 1:
        return 0
    every = list(dl.get_idxs())
    start, end = (len(every) * rank // group.count for rank in (group.rank, group.rank + 1))
    dl.get_idxs = lambda: every[start:end]
    dl.n = end - start
    return start


def _numbers(tensors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    return [tensor.detach().as_subclass(torch.Tensor) for tensor in tensors]


def _by_kind(tensors: list[torch.Tensor]) -> list[list[torch.Tensor]]:
    """Group tensors by type and device, in their order."""
    kinds: dict = {}
    for tensor in tensors:
        kinds.setdefault((tensor.dtype, tensor.device), []).append(tensor)
    return list(kinds.values())
