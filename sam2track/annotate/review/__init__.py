"""What a person should look at: ratings of tracks, a queue of doubts, and the report."""

from .quality import rate
from .report import write_report
from .review_queue import ReviewItem, review_queue

__all__ = ["ReviewItem", "rate", "review_queue", "write_report"]
