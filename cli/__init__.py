"""The vigil command: one file a sub-command. It may import every package; none imports it."""

from bedside import VERSION

__all__ = ["VERSION"]
