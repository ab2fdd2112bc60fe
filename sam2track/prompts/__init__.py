"""What a user says about objects: prompts, files of them, and how they enter the model."""

from .prompt import PlacedPrompt, Prompt

__all__ = ["PlacedPrompt", "Prompt"]
