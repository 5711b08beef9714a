"""Presets: one choice that decides how long to train and with how large a network.

In comes a name, out comes a `Preset` with the settings of the training. The times are for 10,000
pictures of 28 to 32 pixels on two cores, as measured in `benchmarks/results/main_job_*.md`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """Settings of an audit whose network starts from random weights."""

    name: str
    minutes: str  # the time in words, for 10,000 small pictures on two cores
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
        Preset("quick", "about 1 minute", warmup=4, cycles=2, cycle=4, widths=(16, 32, 64)),
        Preset("standard", "about 2 minutes", warmup=8, cycles=3, cycle=6, widths=(32, 64, 128)),
        Preset("thorough", "about 8 minutes", warmup=8, cycles=4, cycle=8, widths=(48, 96, 192)),
    )
}
