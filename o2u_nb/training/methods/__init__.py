"""The training methods: one module each, all with the same interface.

In come a Learner and a learning rate for each epoch; out goes a `Trace`. Each module has a function

    train(learn, rates, *, out=None, ids=None, overwrite=False, resume=False, on_epoch=None,
          opt_func=sgd, cbs=None, say=print, ...) -> Trace

`rates` has one rate per epoch; its length is the number of epochs. `out`, `ids` and `overwrite` are
those of `DynamicsRecorder`, whose errors the function raises, and `on_epoch(trace)` is called after
each epoch. `opt_func` makes the optimiser, by default SGD with momentum; None keeps the Learner's
own. `cbs` are further callbacks. With `resume=True`, a training in `out` that was interrupted goes
on, see `fit_o2u`, and `say` is called with a line of text. The method's own options are keyword
arguments. They have defaults that suit any number of epochs, so that `train(learn, rates)` works
for every method, and `retrain` takes any of them as a `Method`. Afterwards the Learner has its own
optimiser, loader and callbacks again. Each module has a second function, `fit`, with the same
arguments, that returns a `Trained`: the trace, and what the method says of each sample. `catalogue`
lists all methods with their papers, and the methods of the Learner (`training/learner.py` and
`training/verbs.py`) choose the rates and call these functions.
"""

from collections.abc import Callable, Sequence

from fastai.basics import Learner

from o2u_nb.trace import Trace

Method = Callable[[Learner, Sequence[float]], Trace]  # such as `o2u.train` and `odd.train`
