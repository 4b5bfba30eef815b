/* Packets over a Unix socket: words, each ended by a NUL, and descriptors. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    /* The same as in keeper/protocol.py. */
    MAX_PACKET = 204800,
    SEND_BUFFER = MAX_PACKET + 32,
    MAX_DESCRIPTORS = 64,
};

struct packet {
    char bytes[MAX_PACKET + 1];
    size_t length;
    char *next; /* the word that `next_word` returns */
    int descriptors[MAX_DESCRIPTORS];
    int count;
};

/* Receive one packet; false if the other side has closed the socket. The descriptors are close-on-exec. */
bool receive_packet(int socket, struct packet *packet);
const char *next_word(struct packet *packet);
long long next_number(struct packet *packet);
/* Return the descriptor at `index`, or -1 if the index is negative, which means none. */
int descriptor_at(const struct packet *packet, int index);
/* Fail because descriptors of a packet are missing. The kernel drops them if a process that passes them on has too many
   open files, or if a security module forbids them (recvmsg(2), MSG_CTRUNC). */
_Noreturn void fail_dropped(void);
void close_descriptors(const struct packet *packet);
void send_packet(int socket, const void *bytes, size_t length, const int *descriptors, int count);
