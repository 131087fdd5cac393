"""How times, warnings and mistakes are worded in the window."""

from __future__ import annotations

from html import escape

__all__ = ["REFUSALS", "duration", "one_line", "warned"]

REFUSALS = (ValueError, OSError, MemoryError)
"""What bad input and a full disk or memory raise: said to the user in one line, where others are bugs."""


def one_line(error: Exception) -> str:
    """The sentence of `error` without line breaks; its kind where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def duration(seconds: float) -> str:
    """Some seconds, about."""
    if seconds < 1:
        return "less than 1 s"
    return f"about {seconds:.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} min"


def warned(text: str) -> str:
    """A warning as rich text."""
    return f'<span style="color: #d08000">⚠ {escape(text)}</span>'
