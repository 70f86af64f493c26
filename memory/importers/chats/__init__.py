"""Exports of conversations, one reader a program that writes them.

Every reader keeps speakers apart, gives each line the time that the source gave, and leaves out what nobody said:
service notices, hidden nodes and abandoned branches. One bad message costs itself, and the numbers told are true.
"""
