"""The few errors that a user can act on.

Every message says what was expected, what was found, where, and what to do next. The command line
prints the message of an `O2UError` as one line and exits with status 2; anything else is a bug.
"""


class O2UError(Exception):
    """Base of all errors raised on purpose by this package.

    `message` keeps the text as raised: fastai prefixes the arguments of errors from callbacks.
    """

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class SourceError(O2UError):
    """The images or labels cannot be audited: missing folder, one class, nothing readable."""


class AuditExistsError(O2UError):
    """The output folder already holds an audit, and overwriting was not asked for."""


class RecordingError(O2UError):
    """Losses cannot be filed by sample: no sample ids, blended targets, or shifted batches."""


class NonFiniteLossError(O2UError):
    """A loss became NaN or infinite during training; the finished epochs are kept."""


class TraceError(O2UError):
    """A trace folder is missing, damaged, or does not belong to the samples at hand."""


class OutputError(O2UError):
    """A result cannot be written: disk full, no permission, not a folder."""


class WeightsError(O2UError):
    """Pretrained weights cannot be downloaded and are not in the cache."""


class DecisionsError(O2UError):
    """A decision cannot be recorded, or a decision log belongs to other samples."""


class ApplyError(O2UError):
    """A cleaned copy cannot be made, or reverted, without touching something else."""
