#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* How much was taken from us and not given to anyone. With twice the limit it got away. */
int main(void) {
  static char block[65536];
  long *held = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int large = 64 << 20;
  for (int child = 0; child < 40; child++)
    if (fork() == 0) {
      struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
      socklen_t length = sizeof name;
      int listener = socket(AF_INET, SOCK_STREAM, 0);
      setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
      bind(listener, (struct sockaddr *)&name, length);
      listen(listener, 4096);
      getsockname(listener, (struct sockaddr *)&name, &length);
      for (int client = 0; client < 30; client++) {
        int sender = socket(AF_INET, SOCK_STREAM, 0);
        if (sender < 0) break;
        setsockopt(sender, SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
        if (connect(sender, (struct sockaddr *)&name, length)) break;
        ssize_t sent;
        while ((sent = send(sender, block, sizeof block, MSG_DONTWAIT)) > 0) __atomic_add_fetch(held, sent, 5);
      }
      sleep(2);
      exit(0);
    }
  while (wait(NULL) > 0)
    ;
  puts(*held < 2 * 134217728L ? "HELD" : "ESCAPED");
}
