"""Presets: one choice that decides which networks look at the pictures, and how long they train.

In comes a name, out comes a `Preset` with the settings of the training. The times are for 10,000
pictures of 28 to 32 pixels on two cores, as measured in `benchmarks/results/main_job_*.md` and, on
a faster processor, before; that of thorough is that of its network, measured before, with the time
of the pretrained ones.
"""

from dataclasses import dataclass

from o2u_nb.errors import O2UError
from o2u_nb.eye_names import NETWORK
from o2u_nb.offline_weights import LITE0, LITE2

MOST_SEED = 2**63 - 1  # the largest seed; torch takes none that is much larger


def require_seed(seed: int) -> None:
    """Raise `ValueError` unless `seed` is a whole number from 0 to `MOST_SEED`."""
    if not (isinstance(seed, int) and 0 <= seed <= MOST_SEED):
        raise ValueError(f"Expected a seed, a whole number from 0 to {MOST_SEED}, found {seed!r}.")


@dataclass(frozen=True)
class Preset:
    """Settings of an audit: which eyes it has, and how the one called `NETWORK` is trained.

    An eye is a network that looks at the pictures. All but `NETWORK` are frozen, pretrained
    networks, of which only a head is trained, in seconds.
    """

    name: str
    does: str  # what it does, in words
    minutes: str  # the time in words, for 10,000 small pictures on two cores
    small: tuple[str, ...]  # the eyes for small pictures, the first is shown in the panels
    photographs: tuple[str, ...]  # the eyes for photographs
    warmup: int  # epochs at a constant learning rate
    cycles: int  # at most so many times the learning rate falls and jumps back
    cycle: int  # epochs of one cycle
    widths: tuple[int, ...]  # channels of each stage of `CompactResNet`
    lr: float = 0.05  # the highest learning rate
    bs: int = 64  # samples in a batch

    @property
    def n_epochs(self) -> int:
        """Count the epochs of both phases."""
        return self.warmup + self.cycles * self.cycle


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "instant",
            "a head on the features of one pretrained network",
            "1 to 2 minutes",
            small=(LITE0,),
            photographs=(LITE0,),
            warmup=4, cycles=2, cycle=4, widths=(16, 32, 64),
        ),
        Preset(
            "quick",
            "two networks: both pretrained, or for small pictures one pretrained and one trained "
            "on them",
            "1 to 3 minutes",
            small=(NETWORK, LITE0),
            photographs=(LITE0, LITE2),
            warmup=4, cycles=2, cycle=4, widths=(16, 32, 64),
        ),
        Preset(
            "standard",
            "two pretrained networks; for small pictures also one that is trained on them",
            "4 to 7 minutes",
            small=(NETWORK, LITE0, LITE2),
            photographs=(LITE0, LITE2),
            warmup=8, cycles=3, cycle=6, widths=(32, 64, 128),
        ),
        Preset(
            "thorough",
            "two pretrained networks and a larger one trained on the pictures, for more epochs",
            "10 to 15 minutes",
            small=(NETWORK, LITE0, LITE2),
            photographs=(LITE0, LITE2, NETWORK),
            warmup=8, cycles=4, cycle=8, widths=(48, 96, 192),
        ),
    )
}  # fmt: skip


def preset_named(name: str) -> Preset:
    """Return the preset called `name`; raise `O2UError`, which lists all of them, if none is.

    >>> preset_named("instant").name
    'instant'
    """
    if name not in PRESETS:
        raise O2UError(f"No preset {name!r}: expected one of {', '.join(PRESETS)}.")
    return PRESETS[name]
