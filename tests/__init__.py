"""Tests, from outside: the state machine, the registries, the API."""
