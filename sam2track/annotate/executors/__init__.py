"""Where the videos of a project are tracked: worker processes on this machine, or a Ray cluster."""

from .distribution import run_all
from .local_pool import LocalPool
from .pool import Delivery, Executor
from .ray_pool import RayPool
from .worker import carry_out

__all__ = ["Delivery", "Executor", "LocalPool", "RayPool", "carry_out", "run_all"]
