"""PyTorch and numpy weights out of their pickles, into safetensors; nothing is executed."""
