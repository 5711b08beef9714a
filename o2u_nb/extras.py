"""Which optional parts are installed: training, which needs torch, and JupyterLab.

`pip install o2u_nb` installs only what opens, reviews, exports and reports an audit. In come names
of packages; out come their versions, or one error that says what to install. The packages are
looked up, not imported.
"""

import sys
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec

from o2u_nb.errors import MissingExtraError

# The extra `train` in pyproject.toml.
TRAINING = ("torch", "torchvision", "fastai", "timm")
INSTALL_TRAINING = "pip install 'o2u_nb[train]'"
INSTALL_FAST = "pip install 'o2u_nb[fast]'"
INSTALL_SIMILAR = "pip install 'o2u_nb[similar]'"
INSTALL_MAP = "pip install 'o2u_nb[map]'"
INSTALL_RAY = "pip install 'o2u_nb[ray]'"
INSTALL_LAB = "pip install 'o2u_nb[lab]'"


def missing(packages: Iterable[str]) -> list[str]:
    """List which of `packages` (names as they are imported) are not installed.

    >>> missing(["numpy", "no_such_package"])
    ['no_such_package']
    """
    return [name for name in packages if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    if name in sys.modules:
        return sys.modules[name] is not None
    return find_spec(name) is not None


def require_training() -> None:
    """Raise `MissingExtraError`, with the command that installs it, unless training can run."""
    if lacking := missing(TRAINING):
        verb = "is" if len(lacking) == 1 else "are"
        raise MissingExtraError(
            f"{', '.join(lacking)} {verb} not installed, which training needs: {INSTALL_TRAINING}"
        )


def require_timm() -> None:
    """Raise `MissingExtraError`, with the command that installs it, unless timm is there."""
    if missing(["timm"]):
        raise MissingExtraError(
            f"timm is not installed, which pretrained networks need: {INSTALL_TRAINING}"
        )


def require_ray() -> None:
    """Raise `MissingExtraError`, with the command that installs it, unless Ray is there."""
    if missing(["ray"]):
        raise MissingExtraError(
            f"ray is not installed, on which the engine 'ray' computes: {INSTALL_RAY}"
        )


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those of `packages` (names as on PyPI) that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
