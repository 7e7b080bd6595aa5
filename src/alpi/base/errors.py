"""The one tree of errors.

    AlpiError                 exit 1   something failed
    ├── UsageError            exit 2   the command line asks for what cannot be
    ├── NotConfigured         exit 2   a setting is missing; the message says which command adds it
    ├── ConfigError           exit 2   a file of the person's is wrong; names file, line and key
    ├── Refused               exit 3   the gate said no
    ├── OverBudget            exit 4   a budget of the person's is used up
    ├── Interrupted           exit 130 the person stopped it
    ├── StorageError          exit 1   disk full, read-only, no permission
    ├── SessionError          exit 1   a session is missing, broken or in use
    └── ProviderError         exit 1   a model could not be reached or answered badly

Each message says what happened and where; ``hint`` says what to do next. Foreign exceptions are translated where they
are caught, so callers above ``base`` handle this tree alone.
"""

from __future__ import annotations


class AlpiError(Exception):
    """Base of all errors that are meant to be read by a person.

    Args:
        message: what happened, and where; one sentence without a final full stop.
        hint: what to do about it, or ``""``.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class UsageError(AlpiError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = 2


class NotConfigured(AlpiError):
    """A setting that is needed is not there yet."""

    exit_code = 2


class ConfigError(AlpiError):
    """A configuration file is wrong. The message names file, line and key."""

    exit_code = 2


class Refused(AlpiError):
    """The gate, a guard or a person said no."""

    exit_code = 3


class OverBudget(AlpiError):
    """A budget that the person set is used up."""

    exit_code = 4


class Interrupted(AlpiError):
    """The person stopped it."""

    exit_code = 130


class StorageError(AlpiError):
    """A file of the profile could not be read or written."""


class SessionError(AlpiError):
    """A session is missing, unreadable or in use by another process."""


class ProviderError(AlpiError):
    """A model provider could not be reached, or what it sent cannot be used."""
