import os
os.chdir("/tmp")
for depth in range(3000):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
print("HELD")
