"""Find wrong labels in image datasets, in JupyterLab.

`from o2u_nb.all import *` is the notebook's surface. This module stays light: results can be
looked at without torch or fastai, and nothing is imported before it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from o2u_nb.audit import Audit
    from o2u_nb.errors import O2UError
    from o2u_nb.version import __version__

__all__ = ["Audit", "O2UError", "__version__"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from o2u_nb.audit import Audit
    from o2u_nb.errors import O2UError
    from o2u_nb.version import __version__

    globals().update(Audit=Audit, O2UError=O2UError, __version__=__version__)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
