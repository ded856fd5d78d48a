"""Programs of ours that parse bytes of strangers, each run in a process that may fail without harm.

The process has little memory and time, writes no file, opens no connection of ours, and sees the bytes through a pipe,
by ranges it asks for: so a file of any size can be looked into without being on disk in the clear or whole in memory.
"""
