#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    /* As in keeper/protocol.py. */
    MAX_PACKET = 65536,
    MAX_DESCRIPTORS = 64,
};

/* One packet: words, each ended by a NUL, and descriptors beside it. */
struct packet {
    char bytes[MAX_PACKET + 1];
    size_t length;
    char *next;
    int descriptors[MAX_DESCRIPTORS];
    int count;
};

/* False at the end of the socket. Descriptors are closed on exec. */
bool receive(int socket, struct packet *packet);
const char *word(struct packet *packet);
long long number(struct packet *packet);
int descriptor(const struct packet *packet, int index);
void close_descriptors(const struct packet *packet);
void send_packet(int socket, const void *bytes, size_t length, const int *descriptors, int count);
