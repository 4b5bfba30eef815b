#include "packet.h"
#include "process.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union ancillary {
    char bytes[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int))];
    struct cmsghdr aligned;
};

_Noreturn void fail_dropped(void)
{
    fail_with("descriptors were dropped: a process has too many open files, or a security module forbids them");
}

bool receive_packet(int socket, struct packet *packet)
{
    union ancillary ancillary;
    struct iovec content = {packet->bytes, MAX_PACKET};
    struct msghdr message = {
        .msg_iov = &content,
        .msg_iovlen = 1,
        .msg_control = ancillary.bytes,
        .msg_controllen = sizeof ancillary.bytes,
    };
    ssize_t length;
    do
        length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    packet->count = 0;
    packet->next = packet->bytes;
    packet->length = length > 0 ? (size_t)length : 0;
    packet->bytes[packet->length] = 0;
    if (length < 0) {
        if (errno == ECONNRESET)
            return false;
        fail("recvmsg");
    }
    if (message.msg_flags & MSG_TRUNC)
        fail_malformed("packet");
    if (message.msg_flags & MSG_CTRUNC)
        fail_dropped();
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
            packet->count = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(packet->descriptors, CMSG_DATA(part), (size_t)packet->count * sizeof(int));
        }
    return length > 0;
}

const char *next_word(struct packet *packet)
{
    char *next = packet->next, *end = packet->bytes + packet->length;
    if (next >= end)
        fail_malformed("packet");
    packet->next = next + strlen(next) + 1;
    return next;
}

long long next_number(struct packet *packet)
{
    return strtoll(next_word(packet), NULL, 10);
}

int descriptor_at(const struct packet *packet, int index)
{
    if (index >= packet->count)
        fail_dropped();
    return index < 0 ? -1 : packet->descriptors[index];
}

void close_descriptors(const struct packet *packet)
{
    for (int index = 0; index < packet->count; index++)
        close(packet->descriptors[index]);
}

void send_packet(int socket, const void *bytes, size_t length, const int *descriptors, int count)
{
    union ancillary ancillary;
    struct iovec content = {(void *)bytes, length};
    struct msghdr message = {.msg_iov = &content, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = ancillary.bytes;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        struct cmsghdr *part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(part), descriptors, (size_t)count * sizeof(int));
    }
    if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
        fail("sendmsg");
}
