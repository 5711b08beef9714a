"""The phases of a training, declared once: how the trace calls them, and how people are told.

In comes the name of a phase as the trace records it, of each epoch one; out comes the `Phase`. The
recorder writes no other names, and figures and panels have no words of their own.
"""

from typing import NamedTuple


class Phase(NamedTuple):
    """A stretch of epochs that are trained in the same way.

    `name` is what the trace records, `words` what people read, in the middle of a sentence. Epochs
    of a phase that prepares for another one `is_shaded` in figures.
    """

    name: str
    words: str
    is_shaded: bool = False


PHASES = {
    phase.name: phase
    for phase in (
        # O2U-Net's
        Phase("warmup", "warm-up", is_shaded=True),
        Phase("cyclic", "cyclic phase"),
        # ODD's
        Phase("high", "high learning rate", is_shaded=True),
        Phase("low", "falling learning rate"),
    )
}


def phase_of(name: str) -> Phase:
    """Return the phase called `name`; one that is not declared here, as of a trace from a later
    version, is told by its name.

    >>> phase_of("warmup").words, phase_of("later").words
    ('warm-up', 'later')
    """
    return PHASES.get(name, Phase(name, name))
