#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const struct { const char *name; int command; long value; } hooks[] = {
  {"F_SETLEASE", F_SETLEASE, F_WRLCK}, {"F_SETLEASE", F_SETLEASE, F_RDLCK}, {"F_SETDELEG", 1040, 0}, {"F_NOTIFY", F_NOTIFY, DN_ACCESS},
  {"F_SETSIG", F_SETSIG, 34}, {"F_SETOWN", F_SETOWN, 1}, {"F_SET_FILE_RW_HINT", 1038, 1},
};

static void try(const char *path) {
  int file = open(path, O_RDONLY);
  if (file < 0) return;
  for (unsigned i = 0; i < sizeof hooks / sizeof *hooks; i++)
    if (fcntl(file, hooks[i].command, hooks[i].value) != -1) printf("ESCAPED %s %s\n", path, hooks[i].name);
  close(file);
}

int main(void) {
  const char *folders[] = {"/headers", "/runtimes", "/usr/bin", "/usr/include", "/preload", "/etc"};
  char path[512];
  for (unsigned i = 0; i < sizeof folders / sizeof *folders; i++) {
    DIR *folder = opendir(folders[i]);
    try(folders[i]);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
      snprintf(path, sizeof path, "%s/%s", folders[i], entry->d_name);
      try(path);
    }
  }
  int own = open("own", O_RDWR | O_CREAT, 0600);
  if (fcntl(own, F_SETLEASE, F_WRLCK) != -1) puts("ESCAPED F_SETLEASE of its own file");
  puts("HELD");
}
