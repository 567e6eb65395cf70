"""Archives and compressed files of strangers, read by their own structures and never beyond a budget."""
