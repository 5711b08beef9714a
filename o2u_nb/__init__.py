"""Find wrong labels in image datasets, in JupyterLab.

`from o2u_nb.all import *` is the notebook's surface. This module stays light: results can be
looked at without torch or fastai.
"""

from o2u_nb.audit import Audit
from o2u_nb.errors import O2UError
from o2u_nb.version import __version__

__all__ = ["Audit", "O2UError", "__version__"]
