import glob, os, shutil, stat, subprocess
euid = set()
for path in glob.glob("/usr/bin/*") + glob.glob("/usr/lib/*/*helper*"):
    try:
        status = os.stat(path)
    except OSError:
        continue
    if status.st_mode & (stat.S_ISUID | stat.S_ISGID) and status.st_uid == 0:
        print("ESCAPED: owned by a root that is root here", path)
shutil.copy("/usr/bin/id", "/tmp/id")
os.chmod("/tmp/id", 0o6755)
print("HELD" if subprocess.run(["/tmp/id", "-u"], capture_output=True, text=True).stdout == "1000\n" else "ESCAPED")
