/* Makes each call that a known escape begins with, with arguments that do nothing, and prints its name and its error:
 * 0 is success. `escapes.toml` says which error each probe must get. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Calls that are newer than some headers have one number everywhere. */
enum { IO_URING_SETUP = 425, MOVE_MOUNT = 429, FSOPEN = 430, FSCONFIG = 431, CLONE3 = 435, PIDFD_GETFD = 438 };

#define PROBE(name, call)                                                                                              \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long answer = (long)(call);                                                                                    \
        printf("%s %d\n", #name, answer == -1 ? errno : 0);                                                            \
    } while (0)

static int refused(int number)
{
    errno = number;
    return -1;
}

/* The process that a successful clone would have made ends at once. */
static long end_child(long child)
{
    if (child == 0)
        _exit(0);
    return child;
}

/* Leave the namespace in a process of its own, so that later probes stay where they are. */
static int in_child(int namespaces)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(unshare(namespaces) < 0 ? errno : 0);
    waitpid(child, &status, 0);
    return WEXITSTATUS(status) ? refused(WEXITSTATUS(status)) : 0;
}

/* Ask for a change of interface 0, which does not exist. The kernel looks at the privileges first. */
static int change_route(unsigned short type)
{
    struct {
        struct nlmsghdr head;
        struct tcmsg body;
    } request = {{sizeof request, type, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1, 0}, {.tcm_parent = 0xFFFFFFFF}};
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char rest[256];
    } answer = {0};
    int route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (route < 0 || send(route, &request, sizeof request, 0) < 0 || recv(route, &answer, sizeof answer, 0) < 0)
        return -1;
    close(route);
    return answer.error.error ? refused(-answer.error.error) : 0;
}

/* Find a descriptor that the runtime of a container has left open (CVE-2024-21626). */
static int find_descriptor(void)
{
    for (int descriptor = 3; descriptor < 4096; descriptor++)
        if (fcntl(descriptor, F_GETFD) >= 0)
            return descriptor;
    return -1;
}

/* The line discipline N_GSM0710, on a terminal of the box. */
static int set_line_discipline(void)
{
    int discipline = 21, terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    int answer = ioctl(terminal, TIOCSETD, &discipline);
    int number = errno;
    close(terminal);
    return answer < 0 ? refused(number) : 0;
}

static int set_option(int type, int level, int option)
{
    char value[8] = {0};
    int descriptor = socket(AF_INET, type, 0);
    int answer = setsockopt(descriptor, level, option, value, sizeof value);
    int number = errno;
    close(descriptor);
    return answer < 0 ? refused(number) : 0;
}

static int share_a_descriptor(const int pair[2])
{
    char byte = 'x', space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    *head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(head), &pair[0], sizeof(int));
    return (int)sendmsg(pair[0], &message, 0);
}

static void files_and_pipes(void)
{
    int from[2], into[2], events[2], file = open("/bin/sh", O_RDONLY);
    off_t start = 0;
    if (file < 0 || pipe(from) < 0 || pipe(into) < 0 || write(from[1], "x", 1) < 0)
        exit(1);
    PROBE(splice, splice(file, &start, into[1], NULL, 1, SPLICE_F_NONBLOCK));
    PROBE(sendfile, sendfile(into[1], file, NULL, 1));
    PROBE(tee, tee(from[0], into[1], 1, SPLICE_F_NONBLOCK));
    PROBE(vmsplice, syscall(SYS_vmsplice, into[1], NULL, 0, 0));
    PROBE(notification_pipe, pipe2(events, O_EXCL));
}

static void namespaces_and_mounts(void)
{
    PROBE(unshare_user, in_child(CLONE_NEWUSER));
    PROBE(clone_user, end_child(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)));
    PROBE(clone3, syscall(CLONE3, NULL, 0));
    PROBE(setns, syscall(SYS_setns, -1, CLONE_NEWNS));
    PROBE(mount, syscall(SYS_mount, "none", "/nonexistent", "overlay", 0, NULL));
    PROBE(move_mount, syscall(MOVE_MOUNT, -1, "", -1, "", 0));
    PROBE(fsopen, syscall(FSOPEN, "nonexistent", 0));
    PROBE(fsconfig, syscall(FSCONFIG, -1, 0, NULL, NULL, 0));
    PROBE(open_by_handle_at, syscall(SYS_open_by_handle_at, -1, NULL, 0));
    PROBE(mknod, mknod("device", S_IFBLK | 0600, makedev(7, 0)));
}

static void sockets(void)
{
    int pair[2];
    PROBE(netlink_netfilter, socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
    PROBE(netlink_xfrm, socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM));
    PROBE(netlink_generic, socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC));
    PROBE(change_qdisc, change_route(RTM_NEWQDISC));
    PROBE(change_filter, change_route(RTM_NEWTFILTER));
    PROBE(raw, socket(AF_INET, SOCK_RAW, 255));
    PROBE(inet6_datagram, socket(AF_INET6, SOCK_DGRAM, 0));
    PROBE(inet6_stream, socket(AF_INET6, SOCK_STREAM, 0));
    PROBE(packet, socket(AF_PACKET, SOCK_DGRAM, 0));
    PROBE(alg, socket(AF_ALG, SOCK_SEQPACKET, 0));
    PROBE(vsock, socket(40, SOCK_STREAM, 0));
    PROBE(tipc, socket(30, SOCK_RDM, 0));
    PROBE(rxrpc, socket(33, SOCK_DGRAM, AF_INET));
    PROBE(tcp_ulp, set_option(SOCK_STREAM, 6, 31));
    PROBE(udp_encap, set_option(SOCK_DGRAM, 17, 100));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        exit(1);
    PROBE(out_of_band, send(pair[0], "x", 1, MSG_OOB));
    PROBE(share_a_descriptor, share_a_descriptor(pair));
    close(pair[0]);
    close(pair[1]);
}

static void processes_and_memory(void)
{
    timer_t timer;
    struct timespec none = {0, 0};
    void *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    PROBE(map_memory, page == MAP_FAILED ? -1 : munmap((char *)page + 4096, 4096));
    PROBE(move_memory, mremap(page, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
    PROBE(io_uring_setup, syscall(IO_URING_SETUP, 0, NULL));
    PROBE(bpf, syscall(SYS_bpf, 0, NULL, 0));
    PROBE(perf_event_open, syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
    PROBE(userfaultfd, syscall(SYS_userfaultfd, -1));
    PROBE(keyctl, syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
    PROBE(add_key, syscall(SYS_add_key, NULL, NULL, NULL, 0, 0));
    PROBE(ptrace, ptrace(PTRACE_PEEKDATA, 0, NULL, NULL));
    PROBE(process_vm_writev, syscall(SYS_process_vm_writev, getpid(), NULL, 0, NULL, 0, 0));
    PROBE(pidfd_getfd, syscall(PIDFD_GETFD, -1, 0, 0));
    PROBE(cpu_timer, timer_create(CLOCK_THREAD_CPUTIME_ID, &(struct sigevent){.sigev_notify = SIGEV_NONE}, &timer));
    PROBE(cpu_sleep, syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &none, NULL));
    PROBE(shmget, syscall(SYS_shmget, 0, 4096, 0600));
    PROBE(msgget, syscall(SYS_msgget, 0, 0600));
    PROBE(semget, syscall(SYS_semget, 0, 1, 0600));
    PROBE(finit_module, syscall(SYS_finit_module, -1, "", 0));
    PROBE(kexec_load, syscall(SYS_kexec_load, 0, 1, NULL, 0));
    PROBE(new_privileges, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? refused(EPERM) : 0);
}

static void devices_and_settings(void)
{
    PROBE(line_discipline, set_line_discipline());
    PROBE(dev_console, open("/dev/console", O_WRONLY | O_NOCTTY));
    PROBE(dev_vcs, open("/dev/vcs", O_RDONLY));
    PROBE(dev_fuse, open("/dev/fuse", O_RDWR));
    PROBE(dev_binder, open("/dev/binder", O_RDWR));
    PROBE(core_pattern, open("/proc/sys/kernel/core_pattern", O_WRONLY));
    PROBE(sysrq_trigger, open("/proc/sysrq-trigger", O_WRONLY));
    PROBE(release_agent, open("/sys/fs/cgroup/release_agent", O_WRONLY));
    PROBE(containers_socket, open("/run/containerd/containerd.sock", O_PATH));
}

int main(void)
{
    PROBE(inherited_descriptor, find_descriptor());
    files_and_pipes();
    namespaces_and_mounts();
    sockets();
    processes_and_memory();
    devices_and_settings();
}
