#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELD(condition) do { if (!(condition)) puts("ESCAPED " #condition); } while (0)

int main(void) {
  int pair[2], one = 1, tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
  struct sock_filter all = {BPF_RET | BPF_K, 0, 0, 0xFFFF};
  struct sock_fprog filter = {1, &all};
  char byte = 'x';
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  struct mmsghdr messages = {.msg_hdr = message};
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  HELD(send(pair[0], &byte, 1, MSG_OOB) == -1);
  HELD(sendmsg(pair[0], &message, MSG_OOB) == -1);
  HELD(sendmmsg(pair[0], &messages, 1, MSG_OOB) == -1);
  HELD(send(pair[0], &byte, 1, MSG_NOSIGNAL) == 1);
  HELD(recv(pair[1], &byte, 1, MSG_OOB | MSG_DONTWAIT) == -1 && errno == EOPNOTSUPP);
  HELD(setsockopt(udp, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == -1);
  HELD(setsockopt(udp, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter) == -1);
  HELD(setsockopt(tcp, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof one) == -1);
  HELD(setsockopt(tcp, IPPROTO_TCP, TCP_ULP, "tls", 3) == -1 && errno == ENOPROTOOPT);
  HELD(setsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) == -1);
  HELD(setsockopt(tcp, IPPROTO_TCP, TCP_FASTOPEN, &one, sizeof one) == -1);
  HELD(setsockopt(udp, IPPROTO_UDP, 100, &one, sizeof one) == -1); /* UDP_ENCAP */
  HELD(setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
  HELD(setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0);
  for (int type = 3; type < 11; type++) HELD(socket(AF_INET, type, 0) == -1);
  for (int family = 0; family < 50; family++)
    if (family != AF_UNIX && family != AF_INET && family != AF_INET6 && family != AF_NETLINK)
      for (int type = 1; type < 6; type++) HELD(socket(family, type, 0) == -1);
  for (int protocol = 1; protocol < 30; protocol++) HELD(socket(AF_NETLINK, SOCK_RAW, protocol) == -1);
  puts("HELD");
}
