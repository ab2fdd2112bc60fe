"""Training: clips and simulated prompts enter, weights leave."""
