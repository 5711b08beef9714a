"""The Learner extension: loaders, schedule, recorder, verbs and models; it ends in a trace.

Importing it without torch, torchvision and fastai raises `MissingExtraError`, an `ImportError`.
"""

import warnings

from o2u_nb.extras import require_training

require_training()
with warnings.catch_warnings():
    # fastai 2.8 uses torch.jit.script while it is imported, and only fastai could change that.
    warnings.filterwarnings("ignore", message=".*torch.jit.script", category=FutureWarning)
    import fastai.basics  # noqa: F401
