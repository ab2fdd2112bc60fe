"""Training on clips with simulated prompts."""

from .batches import ENDLESS, picture_batches, step_batches
from .evaluation import Score, check_sequences, score_sequences
from .initial_weights import initialise_trunk, match_features
from .loop import Update, run_loop
from .masked_autoencoder import DECODER_HEAD, AutoencodingUpdate, MaskedAutoencoder
from .optimiser import OptimiserOptions
from .processes import Processes
from .rollout import RolloutOptions
from .tracking_update import TrackingUpdate
from .training_run import WEIGHTS, NotSaved, TrainingRun, new_run

__all__ = [
    "DECODER_HEAD",
    "ENDLESS",
    "WEIGHTS",
    "AutoencodingUpdate",
    "MaskedAutoencoder",
    "NotSaved",
    "OptimiserOptions",
    "Processes",
    "RolloutOptions",
    "Score",
    "TrackingUpdate",
    "TrainingRun",
    "Update",
    "check_sequences",
    "initialise_trunk",
    "match_features",
    "new_run",
    "picture_batches",
    "run_loop",
    "score_sequences",
    "step_batches",
]
