"""The vigil command: one file a sub-command. It may import every package; none imports it."""

VERSION = "0.1.0"
