"""HubError
├── TransientError    wait, then make the same call again    (retry_after: seconds or None; maybe_done)
├── CursorExpired     forget the cursor and list everything again, as a diff
├── RecordError       set this record aside, go on with the next    (record_id)
├── AccountError      pause this connection, tell its owner
├── ConfigError       stop before anything is written
│   ├── NotThere      what was named does not exist: look for it again
│   └── Overtaken     it is not any more what was decided on: look again, then decide again
└── LeaseLost         another worker owns this connection now: stop at once, write nothing more

Named for what the catcher does next. A message says what happened, what was not done and the next
step; it never holds a name, an address or a secret of anybody.
"""


class HubError(Exception):
    """The hub's own errors: everything else that is raised is a bug."""


class TransientError(HubError):
    """Wait, then make the same call again.

    retry_after  seconds the other side asked for, or None
    maybe_done   the request may have been carried out: for a write the outcome is unknown
    untried      nobody was asked: it was not the time, and says nothing of what was to be done
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, maybe_done: bool = False, untried: bool = False
    ) -> None:
        super().__init__(message)
        self.untried = untried
        self.retry_after = retry_after
        self.maybe_done = maybe_done


class CursorExpired(HubError):
    """The source no longer knows our cursor: list everything again and compare."""


class RecordError(HubError):
    """One record cannot be taken: set it aside and go on with the next."""

    def __init__(self, message: str, *, record_id: str | None = None) -> None:
        super().__init__(message)
        self.record_id = record_id


class AccountError(HubError):
    """Key refused, right missing, table or list gone: only the owner of the connection can help."""


class ConfigError(HubError):
    """The configuration is wrong: nothing was written."""


class NotThere(ConfigError):
    """Nothing goes by that name or number: nothing was changed."""


class Overtaken(ConfigError):
    """The world moved between looking and deciding: nothing was changed."""


class LeaseLost(HubError):
    """Another worker has taken this connection over; what we hold is stale."""
