"""The inventory of AI in a repository: which models, providers, tools, stores and servers its files use, and where."""

from safecase.readers.uses.inventory import find
from safecase.readers.uses.use import KINDS, Unread, Use, Uses

__all__ = ["KINDS", "Unread", "Use", "Uses", "find"]
