"""The server of the annotator's page: a thin layer over a project. It needs the extra ``serve``."""

from .app import make_app
from .running import serve
from .security import LOCAL, Guard
from .service import Limits, Service

__all__ = ["LOCAL", "Guard", "Limits", "Service", "make_app", "serve"]
