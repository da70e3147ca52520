"""Recognition on a stream and on recorded takes, metrics and figures.

Names are loaded when they are first asked for: the live recogniser waits for neither matplotlib nor HDF5.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evface.evaluation.figures import (
        PhaseSpan,
        confusion_matrix,
        event_frame_picture,
        scores_over_time,
        training_curve,
    )
    from evface.evaluation.metrics import Recognition, recognition, top_k, wilson_interval
    from evface.evaluation.offline import TakeScores, score_slices, score_take
    from evface.evaluation.recognizer import StreamingRecognizer
    from evface.evaluation.reconstructor import StreamingReconstructor

_MODULES = {
    "PhaseSpan": "figures",
    "Recognition": "metrics",
    "StreamingRecognizer": "recognizer",
    "StreamingReconstructor": "reconstructor",
    "TakeScores": "offline",
    "confusion_matrix": "figures",
    "event_frame_picture": "figures",
    "recognition": "metrics",
    "score_slices": "offline",
    "score_take": "offline",
    "scores_over_time": "figures",
    "top_k": "metrics",
    "training_curve": "figures",
    "wilson_interval": "metrics",
}

__all__ = [
    "PhaseSpan",
    "Recognition",
    "StreamingRecognizer",
    "StreamingReconstructor",
    "TakeScores",
    "confusion_matrix",
    "event_frame_picture",
    "recognition",
    "score_slices",
    "score_take",
    "scores_over_time",
    "top_k",
    "training_curve",
    "wilson_interval",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
