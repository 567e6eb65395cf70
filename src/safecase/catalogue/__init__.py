"""What could go wrong and what must hold, as data in our own words, with one reader and one predicate language."""
