"""A file's bytes become an extracted document; what a file holds is judged by its content, its name is only a hint.

Formats parse hostile input, so everything but `Converter` runs in a limited child process (`child.py`).
"""
