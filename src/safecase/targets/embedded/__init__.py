"""The tiny language model that Safecase can run by itself: where its file comes from, and who serves it."""
