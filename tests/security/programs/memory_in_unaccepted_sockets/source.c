#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
  static char block[32768];
  struct sockaddr name;
  for (int number = 0; number < 60; number++) {
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr only_family = {.sa_family = AF_UNIX};
    socklen_t length = sizeof name;
    if (listener < 0 || bind(listener, &only_family, sizeof(sa_family_t)) || listen(listener, 4096)) break;
    getsockname(listener, &name, &length);
    for (int client = 0; client < 100; client++) {
      int sender = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
      if (sender < 0 || connect(sender, &name, length)) return puts("HELD");
      while (write(sender, block, sizeof block) > 0)
        ;
      close(sender);
    }
  }
  sleep(2);
  puts("ESCAPED");
}
