/* Each box has new namespaces (zygote.c), a new /proc and one tmpfs. The kernel frees them after the last process. */

#include "mounts.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
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
/* The wall links /tmp to /box/tmp, and /box/shm is mounted on /dev/shm, so the size limit of /box covers both. */
static const char *const SHARED_FOLDERS[] = {"/box/tmp", "/box/shm"};
/* Files of the kernel that describe the host, not the box, or that the host's root may write. No runtime reads them. */
static const char *const MASKED_FILES[] = {
    "/proc/cmdline",       "/proc/diskstats",     "/proc/interrupts", "/proc/kallsyms",
    "/proc/kcore",         "/proc/key-users",     "/proc/keys",       "/proc/kmsg",
    "/proc/latency_stats", "/proc/modules",       "/proc/mtrr",       "/proc/sched_debug",
    "/proc/sysrq-trigger", "/proc/timer_list",    "/proc/sys/kernel/random/boot_id",
};
static const char *const MASKED_FOLDERS[] = {
    "/proc/acpi", "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/scsi",
};

/* Settings of the box's own network namespace. They limit the kernel's memory for sockets, which no process has mapped,
 * and the length of a socket's backlog. Some kernels lack one of these, or let only the machine's root write it. */
static const struct {
    const char *path, *value;
} LOWERED_LIMITS[] = {
    {"sys/net/ipv4/tcp_rmem", "4096 131072 262144"},
    {"sys/net/ipv4/tcp_wmem", "4096 16384 262144"},
    {"sys/net/ipv4/tcp_max_tw_buckets", "1024"},
    {"sys/net/core/somaxconn", "128"},
};

static int writable_proc = -1;

static void mount_on(const char *source, const char *target, const char *type, int flags, const char *options)
{
    if (mount(source, target, type, (unsigned long)flags, options) < 0) {
        char what[128];
        snprintf(what, sizeof what, "mount %s on %s", type ? type : source, target);
        fail(what);
    }
}

/* Mount `by` over each path. Some kernels lack some of them. */
static void mask(const char *const *paths, size_t count, const char *by)
{
    for (size_t index = 0; index < count; index++)
        if (mount(by, paths[index], NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
            fail(paths[index]);
}

/* Set `lo` up (netdevice(7)), so that a program can connect to itself. There is no other interface. */
static void set_loopback_up(void)
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

/* Mount a /proc that programs may only read. In a writable one a program could lower its oom_score_adj. And if the
 * executor is root, process 1 could write the kernel's settings without any capability. */
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

static void lower_limits(void)
{
    for (size_t index = 0; index < sizeof LOWERED_LIMITS / sizeof *LOWERED_LIMITS; index++)
        if (faccessat(writable_proc, LOWERED_LIMITS[index].path, W_OK, AT_EACCESS) == 0)
            write_to_proc(LOWERED_LIMITS[index].path, LOWERED_LIMITS[index].value);
}

static void give_to(const char *path, uid_t user)
{
    if (lchown(path, user, user) < 0)
        fail(path);
}

void make_world(long long disk_bytes, uid_t user)
{
    char options[128];
    long long inodes = disk_bytes / BYTES_PER_INODE;
    umask(0);
    mount_on("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    snprintf(options, sizeof options, "size=%lld,nr_inodes=%lld,mode=755", disk_bytes,
             inodes > FEWEST_INODES ? inodes : FEWEST_INODES);
    mount_on("box", "/box", "tmpfs", PRIVATE, options);
    mount_proc();
    /* Without its own devpts, a box would share the wall's terminals with all other boxes. It may have few terminals,
     * because the kernel limits those of all devpts instances together. */
    mount_on("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,max=16");
    if (mkdir(WORK, 0755) < 0)
        fail(WORK);
    for (size_t index = 0; index < sizeof SHARED_FOLDERS / sizeof *SHARED_FOLDERS; index++) {
        if (mkdir(SHARED_FOLDERS[index], 0755) < 0)
            fail(SHARED_FOLDERS[index]);
        give_to(SHARED_FOLDERS[index], user);
    }
    mount_on("/box/shm", "/dev/shm", NULL, MS_BIND, NULL);
    if (sethostname("box", 3) < 0)
        fail("sethostname");
    set_loopback_up();
    lower_limits();
}

/* True if a file or folder is beside the work folder. Files there stay ours, and so do their folders. */
static bool is_beside(const char *name)
{
    return strncmp(name, "../", 3) == 0;
}

/* Make each folder on the path of a file in the work folder, or give each to the `user`. */
static void prepare_folders(const char *name, bool make, uid_t user)
{
    char path[4096];
    for (const char *end = strchr(name, '/'); end; end = strchr(end + 1, '/')) {
        snprintf(path, sizeof path, WORK "/%.*s", (int)(end - name), name);
        if (!make && !is_beside(name))
            give_to(path, user);
        else if (mkdir(path, 0755) < 0 && errno != EEXIST)
            fail(path);
    }
}

static void write_file(const struct file *file, uid_t user)
{
    char path[4096];
    off_t offset = file->offset, end = file->offset + file->size;
    ssize_t sent = 1;
    snprintf(path, sizeof path, WORK "/%s", file->name);
    int target = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file->mode);
    if (target < 0)
        fail(path);
    while (offset < end && (sent = sendfile(target, file->contents, &offset, (size_t)(end - offset))) > 0)
        ;
    if (sent <= 0 || (!is_beside(file->name) && fchown(target, user, user) < 0))
        fail(path);
    close(target);
}

static void write_link(const struct file *file, uid_t user)
{
    char path[4096], target[PATH_MAX] = "";
    snprintf(path, sizeof path, WORK "/%s", file->name);
    if (file->size >= PATH_MAX || pread(file->contents, target, (size_t)file->size, file->offset) != file->size ||
        symlink(target, path) < 0)
        fail(path);
    give_to(path, user);
}

/* Links are made after all files, so nothing is written through one. Folders change their owner last, because process 1
 * may not write to another user's folder. */
void write_work_folder(const struct file *files, int count, const char *out_folder, uid_t user)
{
    char out[4096];
    snprintf(out, sizeof out, WORK "/%s", out_folder);
    for (int index = 0; index < count; index++) {
        prepare_folders(files[index].name, true, user);
        if (!S_ISLNK(files[index].mode) && !S_ISDIR(files[index].mode))
            write_file(&files[index], user);
    }
    for (int index = 0; index < count; index++)
        if (S_ISLNK(files[index].mode))
            write_link(&files[index], user);
    /* A file or folder of the program may have its name. */
    if (mkdir(out, 0755) < 0 && errno != EEXIST)
        fail(out);
    for (int index = 0; index < count; index++)
        prepare_folders(files[index].name, false, user);
    give_to(out, user);
    give_to(WORK, user);
}
