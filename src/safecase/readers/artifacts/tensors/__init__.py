"""Files of numbers and trees: headers that must be true, and the few places where they hold more."""
