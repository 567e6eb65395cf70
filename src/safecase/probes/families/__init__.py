"""Families of attacks as data: one YAML file a weakness, read by `safecase.probes.written`."""
