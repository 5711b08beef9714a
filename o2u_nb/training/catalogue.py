"""The catalogue: every training method by its name, with its title and its paper.

In comes a name; out comes a `TrainingMethod`. The methods of the Learner (`training/verbs.py`),
`retrain` and the comparison all take their methods from here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from o2u_nb.errors import O2UError
from o2u_nb.trace import Trace
from o2u_nb.training.methods import (
    backward_correction,
    cleannet,
    co_teaching,
    curriculum,
    dmi,
    forward_correction,
    gce,
    gce_truncated,
    joint,
    lccn,
    luo,
    mentornet,
    mixup,
    noise_layer,
    o2u,
    odd,
    plain,
    reweight,
)
from o2u_nb.training.trained import Trained, traced


@dataclass(frozen=True)
class TrainingMethod:
    """Describe a training method.

    `name` is what it is called by, such as `learn.fit_NAME`; `title` and `paper` are for people.
    `fit(learn, rates, **options)` trains and returns a `Trained`; see `methods` for the options.
    `detects` says whether that holds the method's own suspicion of each sample, and `trusted`
    whether the method needs samples whose labels have been verified.
    """

    name: str
    title: str
    paper: str
    fit: Callable[..., Trained]
    detects: bool = False
    trusted: bool = False

    @property
    def train(self) -> Callable[..., Trace]:
        """Return the function that trains and returns only the trace, as `retrain` takes it."""
        return traced(self.fit)


METHODS = {
    method.name: method
    for method in (
        TrainingMethod(
            "plain",
            "plain training",
            "no paper: cross entropy on the given labels",
            plain.fit,
        ),
        TrainingMethod(
            "o2u",
            "O2U-Net: cyclic training, then without the suspects",
            "Huang, Qu, Jia, Zhao, ICCV 2019",
            o2u.fit,
            detects=True,
        ),
        TrainingMethod(
            "odd",
            "on-the-fly data denoising",
            "Song, Hu, Auli, Dauphin, Ma, arXiv 2003.10647",
            odd.fit,
            detects=True,
        ),
        TrainingMethod("gce", "generalised cross entropy", "Zhang, Sabuncu, NeurIPS 2018", gce.fit),
        TrainingMethod(
            "gce_truncated",
            "truncated generalised cross entropy",
            "Zhang, Sabuncu, NeurIPS 2018",
            gce_truncated.fit,
            detects=True,
        ),
        TrainingMethod(
            "forward_correction",
            "forward loss correction",
            "Patrini, Rozza, Menon, Nock, Qu, CVPR 2017",
            forward_correction.fit,
            detects=True,
        ),
        TrainingMethod(
            "backward_correction",
            "backward loss correction",
            "Patrini, Rozza, Menon, Nock, Qu, CVPR 2017",
            backward_correction.fit,
            detects=True,
        ),
        TrainingMethod(
            "noise_layer",
            "noise adaptation layer",
            "Goldberger, Ben-Reuven, ICLR 2017",
            noise_layer.fit,
            detects=True,
        ),
        TrainingMethod(
            "dmi",
            "determinant-based mutual information",
            "Xu, Cao, Kong, Wang, NeurIPS 2019",
            dmi.fit,
        ),
        TrainingMethod(
            "lccn",
            "latent class-conditional noise",
            "Yao, Wu, Zhang, Tsang, Sun, AAAI 2019",
            lccn.fit,
            detects=True,
        ),
        TrainingMethod(
            "luo",
            "penalty on the variance of predictions",
            "Luo, Zhu, Pfister, arXiv 1909.09338",
            luo.fit,
        ),
        TrainingMethod("mixup", "mixup", "Zhang, Cisse, Dauphin, Lopez-Paz, ICLR 2018", mixup.fit),
        TrainingMethod(
            "co_teaching",
            "co-teaching",
            "Han, Yao, Yu, Niu, Xu, Hu, Tsang, Sugiyama, NeurIPS 2018",
            co_teaching.fit,
            detects=True,
        ),
        TrainingMethod(
            "mentornet",
            "MentorNet",
            "Jiang, Zhou, Leung, Li, Fei-Fei, ICML 2018",
            mentornet.fit,
            detects=True,
        ),
        TrainingMethod(
            "joint",
            "joint optimisation",
            "Tanaka, Ikami, Yamasaki, Aizawa, CVPR 2018",
            joint.fit,
            detects=True,
        ),
        TrainingMethod(
            "reweight",
            "learning to reweight",
            "Ren, Zeng, Yang, Urtasun, ICML 2018",
            reweight.fit,
            detects=True,
            trusted=True,
        ),
        TrainingMethod(
            "cleannet",
            "CleanNet-style verification",
            "Lee, He, Zhang, Yang, CVPR 2018",
            cleannet.fit,
            detects=True,
            trusted=True,
        ),
        TrainingMethod(
            "curriculum",
            "CurriculumNet",
            "Guo, Huang, Zhang, Zhuang, Dong, Scott, Huang, ECCV 2018",
            curriculum.fit,
            detects=True,
        ),
    )
}


def method_named(name: str) -> TrainingMethod:
    """Return the method called `name`; upper case, spaces and hyphens make no difference.

    Raises `O2UError`, which names the nearest, for a name that is not there.

    >>> method_named("GCE").title
    'generalised cross entropy'
    """
    key = name.strip().lower().replace("-", "_").replace(" ", "_")
    if key in METHODS:
        return METHODS[key]
    near = get_close_matches(key, METHODS, n=1) or list(METHODS)
    raise O2UError(f"No training method {name!r}: try {' or '.join(map(repr, near))}.")
