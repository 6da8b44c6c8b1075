"""The inner ring, without Home Assistant."""
