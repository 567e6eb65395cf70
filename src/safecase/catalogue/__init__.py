"""What could go wrong and what must hold, as data in our own words: `data/*.yaml`, one reader, one predicate language."""
