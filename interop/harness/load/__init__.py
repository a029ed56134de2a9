"""Clients that keep a cluster busy, and write down what they were answered."""

from harness.load.pace import Pace
from harness.load.reader import Reader
from harness.load.watcher import Flags
from harness.load.writer import Writer

__all__ = ["Flags", "Pace", "Reader", "Writer"]
