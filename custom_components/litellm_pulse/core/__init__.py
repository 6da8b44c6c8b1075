"""The inner ring: from the bytes of an exposition to exact usage; standard library only."""
