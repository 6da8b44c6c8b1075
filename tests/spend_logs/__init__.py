"""Tests of the sources of history."""
