"""BENCHMARK: a tracker and a dataset enter; masks, scores and a report leave.

The data flow: :mod:`.datasets` -> :mod:`.pool` -> :mod:`.work` (:mod:`.trackers`,
:mod:`.prompting`, :mod:`.layouts`, :mod:`.scoring`) -> :mod:`.results`.
"""
