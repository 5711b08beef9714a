"""Presets: how long to train, with which network, as one dial.

The times are for 10,000 pictures of 28 to 32 pixels on two cores; see `benchmarks/` for where they
were measured.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """Settings of an audit from scratch: epochs, rates, batch size and the network's widths."""

    name: str
    minutes: str  # for 10,000 small pictures on two cores
    warmup: int
    cycles: int
    cycle: int
    widths: tuple[int, ...]
    lr: float = 0.05
    bs: int = 64

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
