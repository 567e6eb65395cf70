"""Bills of materials for models: what was observed in their bytes, and what their cards claim, told apart."""
