"""Talking: everything a person sees; the only package that may import both memory and tuning."""
