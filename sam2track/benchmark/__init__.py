"""BENCHMARK: a tracker and a dataset enter; masks, scores and a report leave.

The data flow: :mod:`.datasets` -> :mod:`.pool` -> :mod:`.work` (:mod:`.trackers`,
:mod:`.protocols`, :mod:`.layouts`, :mod:`.scoring`) -> :mod:`.results`.
"""
