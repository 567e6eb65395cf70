"""Deterministic services, each with one weakness, and a hardened twin without it: what attacks must find, and must not."""
