"""The few errors that a user can act on.

Every message says what was expected, what was found, where, and what to do next. The command line
prints the message of an `O2UError` as one line and exits with status 2; any other error is a bug.
"""


class O2UError(Exception):
    """Base of all errors that this package raises on purpose.

    `message` keeps the text as it was raised. fastai puts a prefix before the arguments of an error
    that comes from a callback, so `args` may hold another text.
    """

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class MissingExtraError(O2UError, ImportError):
    """Something was asked for that needs packages, such as torch, that are not installed."""


class SourceError(O2UError):
    """The images or labels cannot be audited: missing folder, one class, nothing readable."""


class AuditExistsError(O2UError):
    """The output folder already holds an audit, and overwriting was not asked for."""


class RecordingError(O2UError):
    """Losses cannot be assigned to samples: no ids, blended targets, or batches out of order."""


class NonFiniteLossError(O2UError):
    """A loss became NaN or infinite during training; the finished epochs are kept."""


class TraceError(O2UError):
    """A trace folder is missing or damaged, or its samples are not those that were passed."""


class ResumeError(O2UError):
    """An interrupted training or audit cannot go on: other settings or data, or a damaged file."""


class OutputError(O2UError):
    """A result cannot be written, as when the disk is full or writing is not permitted.

    Also raised when the place for it is a file, or holds what this package did not write.
    """


class InUseError(OutputError):
    """Another job writes to the output folder at the moment."""


class WeightsError(O2UError):
    """Pretrained weights cannot be loaded: unknown network, no internet, a damaged file."""


class DownloadError(WeightsError):
    """Pretrained weights are not on this machine and cannot be downloaded."""


class FeaturesError(O2UError):
    """Features are missing or damaged, not finite, or of other pictures or another network."""


class DecisionsError(O2UError):
    """A decision cannot be recorded, or a decision log belongs to other samples."""


class CertificateError(O2UError):
    """A statement on the labels would not be true, as when a sample was drawn too early."""


class ApplyError(O2UError):
    """A cleaned copy cannot be made, or reverted, without touching something else."""


class ProcessLostError(O2UError):
    """Another of the processes that train together has ended; the finished epochs are kept."""
