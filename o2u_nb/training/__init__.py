"""Training with fastai's Learner: loaders, schedules, the recorder, methods and models.

In comes a samples table or a Learner; out comes a trace. Importing this package without torch,
torchvision and fastai raises `MissingExtraError`, an `ImportError`.
"""

import warnings

from o2u_nb.extras import require_training

require_training()
with warnings.catch_warnings():
    # fastai 2.8 uses torch.jit.script while it is imported. Only fastai could change that.
    warnings.filterwarnings("ignore", message=".*torch.jit.script", category=FutureWarning)
    import fastai.basics  # noqa: F401
