"""Tracking of objects in a project: which frames, from where, and what clicks on one frame give."""
