import threading
import time


def work():
    time.sleep(0.2)
    print("worker ends", threading.main_thread().is_alive())


threading.Thread(target=work).start()
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print(
    "main ends",
    threading.active_count(),
    threading.main_thread().name,
    threading.get_ident() == threading.main_thread().ident,
)
