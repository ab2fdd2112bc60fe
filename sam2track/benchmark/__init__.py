"""Runs a tracker on a dataset: masks, scores and a report.

Whatever writes raises OSError if the disk refuses.

The data flow: :mod:`.datasets` -> :mod:`.pool` -> :mod:`.work` (:mod:`.trackers`,
:mod:`.protocols`, :mod:`.layouts`, :mod:`.scoring`) -> :mod:`.results`.
"""
