#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, BLOCK = 1 << 20, FILE_BYTES = 8 << 20, CHILDREN = 3, CONNECTIONS = 50, MOST_PAGES = 30000 };

/* One byte of each page of a file that is removed then; false when the connection takes no more. */
static int fill(int connection, long *pages) {
  static char block[BLOCK];
  int file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600), sent = 1;
  for (int written = 0; written < FILE_BYTES; written += BLOCK) write(file, block, BLOCK);
  for (off_t page = 0; sent == 1 && page < FILE_BYTES; page += PAGE) {
    off_t from = page;
    sent = sendfile(connection, file, &from, 1);
    *pages += sent == 1;
  }
  unlink("file");
  close(file);
  return sent == 1;
}

static long hold(void) {
  long pages = 0;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  bind(listener, (void *)&address, length);
  listen(listener, CONNECTIONS);
  getsockname(listener, (void *)&address, &length);
  for (int number = 0; number < CONNECTIONS; number++) {
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    connect(connection, (void *)&address, length);
    accept(listener, NULL, NULL);
    setsockopt(connection, IPPROTO_TCP, TCP_CORK, &one, sizeof one);
    fcntl(connection, F_SETFL, O_NONBLOCK);
    long of_this = 0;
    while (of_this < MOST_PAGES && fill(connection, &of_this)) {}
    pages += of_this;
  }
  return pages;
}

int main(void) {
  int ends[2];
  long all = 0, pages;
  pipe(ends);
  for (int child = 0; child < CHILDREN; child++)
    if (fork() == 0) {
      char folder[] = {(char)('0' + child), 0};
      mkdir(folder, 0700);
      chdir(folder);
      pages = hold();
      write(ends[1], &pages, sizeof pages);
      sleep(2);
      _exit(0);
    }
  for (int child = 0; child < CHILDREN; child++)
    if (read(ends[0], &pages, sizeof pages) == sizeof pages) all += pages;
  printf("%s: %ld MiB\n", all * PAGE > 1 << 30 ? "ESCAPED" : "HELD", all * PAGE >> 20);
  while (wait(NULL) > 0) {}
}
