"""The training methods: one file each, all with the same contract.

In come a Learner and a learning rate for each epoch; out goes a `Trace`. Each module has a function

    train(learn, rates, *, out=None, ids=None, overwrite=False, on_epoch=None, opt_func=sgd,
          cbs=None, ...) -> Trace

`rates` has one rate per epoch, and with it the number of epochs. `out`, `ids`, `overwrite` and
`on_epoch` are those of `DynamicsRecorder`, whose errors it raises. The method's own options are
keywords and have defaults that fit any number of epochs, so that `train(learn, rates)` works for
every method: `retrain` and the benchmarks take any of them as a `Method`. Afterwards the Learner
has its own optimiser, loader and callbacks again. A method that finds more than a trace, as ODD
does, has another function beside `train` that returns it. The verbs on the Learner
(`training/learner.py`) choose the rates and call the method.
"""

from collections.abc import Callable, Sequence

from fastai.basics import Learner

from o2u_nb.trace import Trace

Method = Callable[[Learner, Sequence[float]], Trace]
