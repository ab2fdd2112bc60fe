"""Prompts, files of prompts, and their conversion to inputs of the model."""

from .prompt import PlacedPrompt, Prompt

__all__ = ["PlacedPrompt", "Prompt"]
