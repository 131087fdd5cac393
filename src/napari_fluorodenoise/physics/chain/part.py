"""What all parts of a chain have in common: how their fields are checked."""

from __future__ import annotations

from pydantic import ConfigDict

__all__ = ["PART"]

PART = ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
"""Unknown keys are refused, numbers are finite, and the line under a field describes it."""
