"""A plug-in of Safecase that shows each way in: a check, a detector, a probe, an exporter."""
