"""Tests of the worker, with fakes and the watchdog that other rooms' tests use too."""
