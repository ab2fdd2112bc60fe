"""Runs a tracker on a dataset: masks, scores and a report.

The data flow: :mod:`.datasets` -> :mod:`.pool` -> :mod:`.work` (:mod:`.trackers`,
:mod:`.protocols`, :mod:`.layouts`, :mod:`.scoring`) -> :mod:`.results`.
"""
