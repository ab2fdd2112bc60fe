"""Readers of datasets in the layout of their archives, one function for each dataset.

All take ``root``, the folder that holds the dataset, mostly a ``split`` of it, and ``names``: only
these videos, in this order. They give sequences (:mod:`.sequence`) in the order of the split's list
or, without one, of their names. A sequence's files are listed at its first use, so that a dataset
opens fast and an error in one sequence does not stop the others.

All raise FileNotFoundError if something is missing, and ValueError if a list or a ``meta.json`` is
damaged or there is no such video; the message names the file. Errors of one sequence are
raised when it is used.
"""
