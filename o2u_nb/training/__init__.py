"""The Learner extension: loaders, schedule, recorder, verbs and models; it ends in a trace."""

import warnings

with warnings.catch_warnings():
    # fastai 2.8 uses torch.jit.script while it is imported; nobody but fastai can do about that
    warnings.filterwarnings("ignore", message=".*torch.jit.script", category=FutureWarning)
    import fastai.basics  # noqa: F401
