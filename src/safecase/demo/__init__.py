"""The embedded AI service that `safecase demo` starts, assesses and mends."""
