"""`learn.fit_<method>(...)` for every training method of the catalogue.

In comes a Learner; out goes a `Trained`. `fit_o2u` and `fit_odd`, whose rates are their own, are in
`training/learner.py`.
"""

import inspect
from collections.abc import Callable, Sequence

from fastai.basics import Learner

from o2u_nb.training.catalogue import METHODS, TrainingMethod
from o2u_nb.training.methods.odd import HIGH_SHARE
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.schedule import high_then_low, largest_rate
from o2u_nb.training.trained import Trained

EPOCHS = 24  # as for `fit_odd`


def usual_rates(
    learn: Learner, epochs: int, lr: float | None = None, rates: Sequence[float] | None = None
) -> list[float]:
    """Return a learning rate per epoch: the same for every method, so that they can be compared.

    A third of the epochs have the rate `lr` (default: what suits the Learner), then it falls along
    a cosine. `rates`, if given, is returned as it is. Raises `ValueError` when it has another
    length than `epochs`.
    """
    if rates is None:
        lr = largest_rate(learn) if lr is None else lr
        return high_then_low(epochs, lr=lr, high=round(epochs * HIGH_SHARE))
    if len(rates) != epochs:
        raise ValueError(
            f"Expected one rate per epoch; found {len(rates)} rates for {epochs} epochs."
        )
    return list(rates)


def verb(method: TrainingMethod) -> Callable[..., Trained]:
    """Return the Learner's method that trains by `method`, with its options and its docstring."""

    def fit(
        self: Learner,
        epochs: int = EPOCHS,
        *,
        lr: float | None = None,
        rates: Sequence[float] | None = None,
        **options,
    ) -> Trained:
        return method.fit(self, usual_rates(self, epochs, lr, rates), **options)

    fit.__signature__ = _signature(fit, method)
    fit.__name__ = f"fit_{method.name}"
    fit.__qualname__ = f"Learner.{fit.__name__}"
    fit.__doc__ = (
        f"{inspect.getdoc(method.fit)}\n\n{method.title}: {method.paper}. A third of the `epochs` "
        "have the rate `lr` (default: what suits the Learner), then it falls along a cosine; "
        "`rates`, one per epoch, replace both. `methods` is `o2u_nb.training.methods`. Returns a "
        "`Trained`. Raises `ValueError` for `rates` of another length than `epochs`."
    )
    return fit


def _signature(fit: Callable, method: TrainingMethod) -> inspect.Signature:
    """Return the signature of `fit` with the options of `method`, and those that all methods have.

    It is what Jupyter shows and completes.
    """
    first = list(inspect.signature(fit).parameters.values())[:-1]  # without the options
    own = list(inspect.signature(method.fit).parameters.values())[2:]  # without learn and rates
    named = [option for option in own if option.kind is not option.VAR_KEYWORD]
    common = list(inspect.signature(RecordedFit).parameters.values())
    known = {option.name for option in named}
    usual = [
        option for option in common if option.name not in {*known, "record", "phase", "goes_on"}
    ]
    return inspect.signature(fit).replace(parameters=[*first, *named, *usual])


for _method in METHODS.values():
    if not hasattr(Learner, f"fit_{_method.name}"):
        setattr(Learner, f"fit_{_method.name}", verb(_method))
