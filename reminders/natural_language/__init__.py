"""A sentence such as "stand-up every Monday at 6pm" read as a reminder. English, pure: no database,
no clock. See `read`.
"""

from .errors import EXAMPLES, Misunderstood
from .parser import MAX_LENGTH, Piece, SentenceMeaning, read

__all__ = ["EXAMPLES", "MAX_LENGTH", "Misunderstood", "Piece", "SentenceMeaning", "read"]
