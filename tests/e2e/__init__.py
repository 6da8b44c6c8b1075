"""The whole way: a real LiteLLM proxy and a real Home Assistant process, nothing mocked."""
