"""Signatures over whole models in the form of OpenSSF model-signing 1.0: made here, and verified without a network."""
