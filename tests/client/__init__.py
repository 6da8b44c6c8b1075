"""What the client brings home, and from where."""
