"""The phases of a training, declared once: how the trace calls them, and how people are told.

In comes the name of a phase, which the trace records for each epoch; out comes the `Phase`. The
recorder writes only the names declared here, and figures and panels show only these words.
"""

from typing import NamedTuple


class Phase(NamedTuple):
    """A stretch of epochs that are trained in the same way.

    `name` is what the trace records, and `words` what people read, as it stands in the middle of a
    sentence. `is_shaded` marks a phase that prepares for another one: figures shade its epochs.
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
        # that of methods without phases
        Phase("training", "training"),
    )
}


def phase_of(name: str) -> Phase:
    """Return the phase called `name`.

    A trace that a later version wrote may hold a name that is not declared here. The words for it
    are then the name itself.

    >>> phase_of("warmup").words, phase_of("later").words
    ('warm-up', 'later')
    """
    return PHASES.get(name, Phase(name, name))
