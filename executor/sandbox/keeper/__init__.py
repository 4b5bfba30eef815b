"""The trusted process inside the wall that makes one box per run, starts the program in it and holds it to its limits.

It runs on the system's Python with the standard library alone (the wall holds nothing else of ours), and it stays
single-threaded, because it forks. The executor packs this folder into an archive and hands it in; see `wall.py`.
"""
