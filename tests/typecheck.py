"""The runtime check of annotations, shapes and dtypes included, for the rooms named here."""

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException
from jaxtyping import install_import_hook

ROOMS = ("annotate", "compat", "device", "sinks", "track")

_strict = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float


def check(thing):
    """Check calls of a function or class, unless an annotation cannot be checked at all."""
    try:
        return _strict(thing)
    except BeartypeDecorHintException:
        return thing


def install() -> None:
    """From here on imports are checked."""
    install_import_hook([f"sam2track.{room}" for room in ROOMS], "typecheck.check")
