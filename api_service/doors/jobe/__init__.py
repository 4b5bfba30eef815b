"""The front door for clients of Jobe, such as Moodle's plugin CodeRunner. Its runs are transient: nothing is stored.

`docs/from-jobe.md` says which differences a client notices.
"""
