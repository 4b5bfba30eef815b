#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct { const char *name; long number; } doors[] = {
  {"mount", SYS_mount}, {"umount2", SYS_umount2}, {"pivot_root", SYS_pivot_root}, {"chroot", SYS_chroot}, {"unshare", SYS_unshare},
  {"setns", SYS_setns}, {"ptrace", SYS_ptrace}, {"process_vm_readv", SYS_process_vm_readv}, {"process_vm_writev", SYS_process_vm_writev},
  {"bpf", SYS_bpf}, {"keyctl", SYS_keyctl}, {"add_key", SYS_add_key}, {"request_key", SYS_request_key}, {"perf_event_open", SYS_perf_event_open},
  {"userfaultfd", SYS_userfaultfd}, {"io_uring_setup", 425}, {"io_uring_enter", 426}, {"io_uring_register", 427}, {"open_tree", 428},
  {"move_mount", 429}, {"fsopen", 430}, {"fsconfig", 431}, {"fsmount", 432}, {"fspick", 433}, {"clone3", 435}, {"pidfd_getfd", 438},
  {"process_madvise", 440}, {"mount_setattr", 442}, {"quotactl_fd", 443}, {"landlock_create_ruleset", 444}, {"memfd_secret", 447},
  {"kexec_load", SYS_kexec_load}, {"init_module", SYS_init_module}, {"finit_module", SYS_finit_module}, {"delete_module", SYS_delete_module},
  {"reboot", SYS_reboot}, {"swapon", SYS_swapon}, {"acct", SYS_acct}, {"syslog", SYS_syslog}, {"quotactl", SYS_quotactl},
  {"open_by_handle_at", SYS_open_by_handle_at}, {"name_to_handle_at", SYS_name_to_handle_at}, {"fanotify_init", SYS_fanotify_init},
  {"kcmp", SYS_kcmp}, {"migrate_pages", SYS_migrate_pages}, {"move_pages", SYS_move_pages}, {"mbind", SYS_mbind}, {"vmsplice", SYS_vmsplice},
  {"clock_settime", SYS_clock_settime}, {"settimeofday", SYS_settimeofday}, {"clock_adjtime", SYS_clock_adjtime}, {"sethostname", SYS_sethostname},
  {"lookup_dcookie", SYS_lookup_dcookie}, {"seccomp", SYS_seccomp}, {"future", 9999},
};
int main(void) {
  for (unsigned i = 0; i < sizeof doors / sizeof *doors; i++) {
    errno = 0;
    if (syscall(doors[i].number, 0, 0, 0, 0, 0, 0) != -1 || errno != ENOSYS) printf("ESCAPED %s %d\n", doors[i].name, errno);
  }
  puts("HELD");
}
