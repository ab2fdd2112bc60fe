"""A machine learning backend for Label Studio: boxes through videos, masks on images.

``python -m sam2track.integrations.label_studio --root DIR`` starts it; docs/integrations.md has
more. The data flow: :mod:`.server` -> :mod:`.backend` (:mod:`.task_files`, :mod:`.regions`) ->
regions that Label Studio shows.
"""

from .backend import Backend
from .server import guarded, make_app
from .task_files import TaskFiles

__all__ = ["Backend", "TaskFiles", "guarded", "make_app"]
