#include "privileges.h"
#include "process.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

const unsigned long long NO_CAPABILITY = 0;
/* Process 1 needs these to give files to another user, to read that user's files, and to end the user's processes. */
const unsigned long long TO_RUN_BOX = 1 << CAP_CHOWN | 1 << CAP_SETUID | 1 << CAP_KILL;
/* To start a process as that user. SETFCAP maps the id that is 0 in the wall's user namespace (user_namespaces(7)). */
const unsigned long long TO_START_PROGRAM = TO_RUN_BOX | 1 << CAP_SETGID | 1ULL << CAP_SETFCAP;
/* The zygote also needs new namespaces, mounts and the loopback interface. */
const unsigned long long TO_MAKE_BOXES = TO_START_PROGRAM | 1 << CAP_SYS_ADMIN | 1 << CAP_NET_ADMIN;

void empty_bounding_set(int last)
{
    for (int capability = 0; capability <= last; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            fail("bounding set");
}

void limit_capabilities(unsigned long long allowed)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct words[2];
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        fail("ambient capabilities");
    if (syscall(SYS_capget, &header, words) < 0)
        fail("capget");
    for (int word = 0; word < 2; word++) {
        words[word].permitted &= (unsigned)(allowed >> (32 * word));
        words[word].effective = words[word].permitted;
        words[word].inheritable = 0;
    }
    if (syscall(SYS_capset, &header, words) < 0)
        fail("capset");
}

void install_filter(const struct filter *filter)
{
    struct sock_fprog program = {
        .len = (unsigned short)(filter->bytes / sizeof(struct sock_filter)),
        .filter = (struct sock_filter *)filter->code,
    };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        fail("no_new_privs");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
        fail("seccomp");
}
