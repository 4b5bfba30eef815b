/* One run's own world: fresh namespaces (zygote.c), a fresh /proc, and one tmpfs that vanishes with its last process. */

#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const int PRIVATE = MS_NOSUID | MS_NODEV;
static const long long BYTES_PER_INODE = 4096, FEWEST_INODES = 1024;
/* The wall has a link /tmp -> /box/tmp, and /dev/shm is mounted from here: one size limit holds for all of them. */
static const char *const SHARED_FOLDERS[] = {"/box/tmp", "/box/shm"};
/* Kernel files that describe the host and not the box, or that the host's root may write. No runtime reads them. */
static const char *const MASKED_FILES[] = {
    "/proc/cmdline",       "/proc/diskstats",     "/proc/interrupts", "/proc/kallsyms",
    "/proc/kcore",         "/proc/key-users",     "/proc/keys",       "/proc/kmsg",
    "/proc/latency_stats", "/proc/modules",       "/proc/mtrr",       "/proc/sched_debug",
    "/proc/sysrq-trigger", "/proc/timer_list",    "/proc/sys/kernel/random/boot_id",
};
static const char *const MASKED_FOLDERS[] = {
    "/proc/acpi", "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/scsi",
};

/* Settings of the box's own network and IPC namespaces. They bound the kernel's memory for sockets and semaphores,
 * which no process has mapped, and the sockets that may wait for a process. Some kernels lack one of these, or let only
 * the machine's root write it. */
static const struct {
    const char *path, *value;
} NARROWED[] = {
    {"sys/net/ipv4/tcp_rmem", "4096 131072 262144"},
    {"sys/net/ipv4/tcp_wmem", "4096 16384 262144"},
    {"sys/net/ipv4/tcp_max_tw_buckets", "1024"},
    {"sys/net/core/somaxconn", "128"},
    {"sys/kernel/sem", "250 32000 32 128"},
};

int writable_proc = -1;

static void mount_on(const char *source, const char *target, const char *type, int flags, const char *options)
{
    if (mount(source, target, type, (unsigned long)flags, options) < 0) {
        char what[128];
        snprintf(what, sizeof what, "mount %s on %s", type ? type : source, target);
        fail(what);
    }
}

/* Some kernels lack some of them. */
static void mask(const char *const *paths, size_t count, const char *by)
{
    for (size_t index = 0; index < count; index++)
        if (mount(by, paths[index], NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
            fail(paths[index]);
}

/* Set `lo` up (netdevice(7)), so that programs may talk to themselves; there is no other interface. */
static void raise_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (inet < 0 || ioctl(inet, SIOCGIFFLAGS, &request) < 0)
        fail("lo");
    request.ifr_flags |= IFF_UP;
    if (ioctl(inet, SIOCSIFFLAGS, &request) < 0)
        fail("lo up");
    close(inet);
}

/* Mount a /proc that programs may only read. In a writable one a program could lower its oom_score_adj, and process 1,
 * if the executor is root, could write the kernel's settings without any capability. */
static void mount_proc(void)
{
    /* hidepid hides processes that the reader may not trace, above all process 1 (proc(5)). */
    mount_on("proc", "/proc", "proc", PRIVATE | MS_NOEXEC, "hidepid=2");
    writable_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (writable_proc < 0)
        fail("/proc");
    mount_on("/proc", "/proc", NULL, MS_BIND, NULL);
    mount_on("none", "/proc", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | PRIVATE | MS_NOEXEC, NULL);
    mask(MASKED_FILES, sizeof MASKED_FILES / sizeof *MASKED_FILES, "/empty-file");
    mask(MASKED_FOLDERS, sizeof MASKED_FOLDERS / sizeof *MASKED_FOLDERS, "/empty");
}

void write_to_proc(const char *path, const char *value)
{
    int file = openat(writable_proc, path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, value, strlen(value)) < 0)
        fail(path);
    close(file);
}

static void narrow_limits(void)
{
    for (size_t index = 0; index < sizeof NARROWED / sizeof *NARROWED; index++)
        if (faccessat(writable_proc, NARROWED[index].path, W_OK, AT_EACCESS) == 0)
            write_to_proc(NARROWED[index].path, NARROWED[index].value);
}

static void own(const char *path, uid_t user)
{
    if (chown(path, user, user) < 0)
        fail(path);
}

void build_world(long long disk_bytes, uid_t user)
{
    char options[128];
    long long inodes = disk_bytes / BYTES_PER_INODE;
    umask(0);
    mount_on("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    snprintf(options, sizeof options, "size=%lld,nr_inodes=%lld,mode=755", disk_bytes,
             inodes > FEWEST_INODES ? inodes : FEWEST_INODES);
    mount_on("box", "/box", "tmpfs", PRIVATE, options);
    mount_proc();
    /* The box has its own terminals, because all boxes share the wall's. They are few, because all instances share one
   * limit. */
    mount_on("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,max=16");
    if (mkdir(WORK, 0755) < 0)
        fail(WORK);
    for (size_t index = 0; index < sizeof SHARED_FOLDERS / sizeof *SHARED_FOLDERS; index++) {
        if (mkdir(SHARED_FOLDERS[index], 0755) < 0)
            fail(SHARED_FOLDERS[index]);
        own(SHARED_FOLDERS[index], user);
    }
    mount_on("/box/shm", "/dev/shm", NULL, MS_BIND, NULL);
    if (sethostname("box", 3) < 0)
        fail("sethostname");
    raise_loopback();
    narrow_limits();
}

/* For each folder on the way to a file of the work folder: make it, or give it to the `user`. */
static void walk(const char *name, bool make, uid_t user)
{
    char path[4096];
    for (const char *end = strchr(name, '/'); end; end = strchr(end + 1, '/')) {
        snprintf(path, sizeof path, WORK "/%.*s", (int)(end - name), name);
        if (!make)
            own(path, user);
        else if (mkdir(path, 0755) < 0 && errno != EEXIST)
            fail(path);
    }
}

static void write_file(const struct file *file, uid_t user)
{
    char path[4096];
    off_t offset = 0;
    ssize_t sent;
    snprintf(path, sizeof path, WORK "/%s", file->name);
    int target = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file->mode);
    if (target < 0)
        fail(path);
    while ((sent = sendfile(target, file->content, &offset, 1 << 20)) > 0)
        ;
    if (sent < 0 || fchown(target, user, user) < 0)
        fail(path);
    close(target);
}

/* Write the files of the work folder, and hand it over: last, as process 1 may not write what is another's. */
void furnish(const struct file *files, int count, uid_t user)
{
    for (int index = 0; index < count; index++) {
        walk(files[index].name, true, user);
        write_file(&files[index], user);
    }
    for (int index = 0; index < count; index++)
        walk(files[index].name, false, user);
    own(WORK, user);
}
