"""Tests of health and habits."""
