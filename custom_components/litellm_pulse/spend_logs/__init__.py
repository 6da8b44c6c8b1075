"""What LiteLLM's database or REST knows of the past; no Home Assistant in it."""
