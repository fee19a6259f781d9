"""iShowTTS: the voice for machines at the edge. Importing this package loads nothing."""

__version__ = "0.1.0"
