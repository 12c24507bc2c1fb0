"""The speed and memory of what DESIGN section 7 names.  ``python -m benchmarks`` lists them; never run as tests."""
