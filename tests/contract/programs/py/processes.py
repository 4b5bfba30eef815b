import concurrent.futures
import multiprocessing
import subprocess
import sys


def square(n):
    return n * n


if __name__ == "__main__":
    print(subprocess.run([sys.executable, "-c", "print(input())"], input="x", text=True, capture_output=True).stdout)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=lambda: queue.put(multiprocessing.current_process().name))
    child.start()
    print(queue.get(), child.join(), child.exitcode)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        print(list(pool.map(square, range(5))))
    print(multiprocessing.current_process().name)
