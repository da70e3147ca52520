"""Training loops, folds and checkpoints."""

from evface.training.checkpoint import load_checkpoint, model_name, save_checkpoint
from evface.training.config import TrainingConfig, load_config

__all__ = ["TrainingConfig", "load_checkpoint", "load_config", "model_name", "save_checkpoint"]
