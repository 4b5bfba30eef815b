import atexit
import threading
import weakref


class Thing:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("deleted", self.name)


atexit.register(print, "first registered")
atexit.register(print, "second registered")
kept, _private = Thing("kept"), Thing("private")
loop = Thing("loop")
loop.self = loop
weakref.finalize(kept, print, "finalized")
thread = threading.Thread(target=lambda: print("thread", threading.current_thread() is not threading.main_thread()))
thread.start()
threading._register_atexit(print, "threading exit")
print("end of main")
