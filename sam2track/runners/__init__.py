"""One module for each verb of the command: its function ``run`` does what the verb says.

Here and in ``cli.py`` alone is Hydra known; a runner hands plain values on.
"""


class RunFailed(Exception):
    """A fault while running, after the input was found good; the message says what is there."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM: ``kill``, ``docker stop``); it ends as by Ctrl-C."""
