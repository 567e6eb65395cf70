"""What images, sound and video carry about how they were made: C2PA content credentials."""
