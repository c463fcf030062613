"""What can go wrong before Django is there. Each message is one sentence for the person at the terminal."""


class EmbeddedError(Exception):
    """The root; its text is shown as it is, without a traceback."""


class CannotStart(EmbeddedError):
    """A service did not start; the message says which, and its last log lines."""


class AlreadyRunning(EmbeddedError):
    """A server of this data directory is alive; stop it first."""


class MissingKey(EmbeddedError):
    """A key file is not there although data encrypted under it is; put it back, never make a new one."""


class MissingSetting(EmbeddedError):
    """An environment variable or secret file is needed and absent."""
