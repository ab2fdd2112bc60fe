"""Runs a tracker on a dataset: masks, scores and a report.

Functions that write raise OSError if the disk cannot be written.

The data flow: :mod:`.datasets` -> :mod:`.pool` -> :mod:`.work` (:mod:`.trackers`,
:mod:`.protocols`, :mod:`.layouts`, :mod:`.scoring`) -> :mod:`.results`.
"""
