"""Recognition on a stream and on recorded takes, metrics and figures."""

from evface.evaluation.offline import TakeScores, score_take
from evface.evaluation.recognizer import StreamingRecognizer

__all__ = ["StreamingRecognizer", "TakeScores", "score_take"]
