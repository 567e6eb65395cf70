"""What agents are given to read: manifests of tools, skills, and the instructions hidden in them."""
