#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/fanotify.h>
#include <unistd.h>

int main(void) {
  int escaped = 0;
  int watch = inotify_init1(IN_NONBLOCK);
  escaped |= watch >= 0 && inotify_add_watch(watch, "/usr/include", IN_OPEN) >= 0;
  escaped |= fanotify_init(FAN_CLASS_NOTIF, O_RDONLY) >= 0;
  int folder = open("/usr/include", O_RDONLY | O_DIRECTORY);
  escaped |= fcntl(folder, F_NOTIFY, DN_ACCESS) == 0;
  puts(escaped ? "ESCAPED" : "HELD");
}
