/* Descriptors without a file: eventfd2, signalfd4, timerfd_create, inotify_init1, epoll_create1, pidfd_open etc. */
#include "descriptors.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#define PIDFD_NONBLOCK O_NONBLOCK
#define UFFD_USER_MODE_ONLY 1
#define WRONG_FLAG 0x40000000

enum { ABSENT_FD = 999 };

/* The argument that has the result shows it as a descriptor (is_fd) or as a number. */
static void begin(const char *type, const char *category, const char *result_key, bool is_fd, long result,
		  struct seen *s)
{
	*s = look(result >= 0 ? result : -1);
	truth_begin(type, result);
	if (is_fd)
		truth_fd_arg(result_key, result, s);
	else
		truth_errno_arg(result_key, result);
	truth_text("evt.category", category);
	truth_bool("evt.is_io_read", false);
	truth_bool("evt.is_io_write", false);
	if (result >= 0)
		truth_seen(s);
	else
		truth_text("fd.num", NULL);
}

static void do_eventfd(unsigned int value, int flags, const char *flags_text)
{
	struct seen s;

	begin("eventfd2", "IPC", "evt.arg.res", true, result_of(syscall(SYS_eventfd2, value, flags)), &s);
	truth_text("evt.arg.flags", flags_text);
	truth_textf("evt.arg.initval", "%u", value);
	truth_end();
}

static long do_signalfd(int fd, size_t mask_size, int flags, const char *flags_text)
{
	unsigned long mask = 1ul << (SIGUSR1 - 1);
	long result = result_of(syscall(SYS_signalfd4, fd, &mask, mask_size, flags));
	struct seen s, given = look(fd);

	begin("signalfd4", "signal", "evt.arg.res", true, result, &s);
	truth_text("evt.arg.flags", flags_text);
	truth_fd_arg("evt.arg.fd", fd, &given);
	truth_end();
	return result;
}

static void do_timerfd(int clock, int flags)
{
	struct seen s;

	begin("timerfd_create", "time", "evt.arg.res", true, result_of(syscall(SYS_timerfd_create, clock, flags)), &s);
	truth_textf("evt.arg.clockid", "%d", clock);
	truth_textf("evt.arg.flags", "%X", flags);
	truth_end();
}

static void do_inotify(int flags, const char *flags_text)
{
	struct seen s;

	begin("inotify_init1", "IPC", "evt.arg.res", true, result_of(syscall(SYS_inotify_init1, flags)), &s);
	truth_text("evt.arg.flags", flags_text);
	truth_end();
}

static void do_epoll(int flags, const char *flags_text)
{
	struct seen s;

	begin("epoll_create1", "wait", "evt.arg.res", false, result_of(syscall(SYS_epoll_create1, flags)), &s);
	truth_text("evt.arg.flags", flags_text);
	truth_end();
}

/* The comm of a process. */
static const char *comm_of(pid_t pid)
{
	static char comm[32];
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, comm, sizeof(comm) - 1);
	need(n > 0, "a comm");
	comm[n - 1] = 0;
	close(fd);
	return comm;
}

static long do_pidfd_open(pid_t pid, const char *pid_text, int flags, const char *flags_text)
{
	long result = result_of(syscall(SYS_pidfd_open, pid, flags));
	struct seen s;

	begin("pidfd_open", "process", "evt.arg.fd", true, result, &s);
	truth_text("evt.arg.pid", pid_text);
	truth_text("evt.arg.flags", flags_text);
	truth_end();
	return result;
}

/* pid_fd: of this process itself; target_fd is a number of the other process's, never a descriptor of the caller's. */
static void do_pidfd_getfd(int pid_fd, int target_fd, unsigned int flags)
{
	struct seen s, of_pid = look(pid_fd);
	char pattern[64];

	begin("pidfd_getfd", "process", "evt.arg.fd", true,
	      result_of(syscall(SYS_pidfd_getfd, pid_fd, target_fd, flags)), &s);
	if (of_pid.num >= 0) { /* known to who knows all descriptors, a number to who knows those of the event */
		snprintf(pattern, sizeof(pattern), "^(%d|<%s>)$", pid_fd, of_pid.kind);
		truth_like("evt.arg.pid_fd", pattern);
	} else {
		truth_fd_arg("evt.arg.pid_fd", pid_fd, &of_pid);
	}
	if (target_fd < 0)
		truth_text("evt.arg.target_fd", strerrorname_np(-target_fd));
	else
		truth_textf("evt.arg.target_fd", "%d", target_fd);
	truth_textf("evt.arg.flags", "%X", flags);
	truth_end();
}

static void do_memfd(const char *name, unsigned int flags, const char *flags_text)
{
	struct seen s;

	begin("memfd_create", "memory", "evt.arg.fd", true, result_of(syscall(SYS_memfd_create, name, flags)), &s);
	truth_text("evt.arg.name", name ? name : "<NA>");
	truth_text("evt.arg.flags", flags_text);
	truth_end();
}

static void do_userfaultfd(int flags, const char *flags_text)
{
	struct seen s;

	begin("userfaultfd", "file", "evt.arg.res", false, result_of(syscall(SYS_userfaultfd, flags)), &s);
	truth_text("evt.arg.flags", flags_text);
	truth_end();
}

static void pidfds(void)
{
	int file = open("/dev/null", O_RDONLY), pipes[2];
	long self = do_pidfd_open(getpid(), "tk_anon", 0, "0");

	need(self >= 0 && file >= 0, "a pidfd of its own");
	do_pidfd_open(getppid(), comm_of(getppid()), PIDFD_NONBLOCK, "PIDFD_NONBLOCK");
	do_pidfd_open(0x3fffffff, "1073741823", 0, "0");         /* ESRCH */
	do_pidfd_open(-1, "-1", PIDFD_NONBLOCK, "PIDFD_NONBLOCK"); /* EINVAL */

	need(pipe(pipes) == 0, "pipe");
	do_pidfd_getfd(self, file, 0);
	do_pidfd_getfd(self, pipes[1], 0);
	do_pidfd_getfd(self, ABSENT_FD, 0);
	do_pidfd_getfd(self, file, 0x1A); /* EINVAL */
	do_pidfd_getfd(ABSENT_FD, file, 0);
	do_pidfd_getfd(-1, -1, 0);
}

int main(void)
{
	truth_types("eventfd2", "signalfd4", "timerfd_create", "inotify_init1", "epoll_create1", "pidfd_open",
		    "pidfd_getfd", "memfd_create", "userfaultfd", NULL);

	do_eventfd(0, 0, "O_NONE");
	do_eventfd(4000000000u, EFD_CLOEXEC | EFD_NONBLOCK, "O_NONBLOCK|O_CLOEXEC");
	do_eventfd(7, EFD_CLOEXEC | WRONG_FLAG, "O_CLOEXEC");
	long made = do_signalfd(-1, 8, SFD_CLOEXEC, "O_CLOEXEC");
	do_signalfd(made, 8, 0, "O_NONE"); /* another mask for the same */
	do_signalfd(-1, 5, SFD_NONBLOCK, "O_NONBLOCK"); /* EINVAL */
	do_signalfd(ABSENT_FD, 8, 0, "O_NONE");
	do_timerfd(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	do_timerfd(CLOCK_BOOTTIME, 0);
	do_timerfd(99, 0);
	do_inotify(0, "O_NONE");
	do_inotify(IN_CLOEXEC | IN_NONBLOCK, "O_NONBLOCK|O_CLOEXEC");
	do_inotify(IN_NONBLOCK | WRONG_FLAG, "O_NONBLOCK");
	do_epoll(0, "0");
	do_epoll(EPOLL_CLOEXEC, "EPOLL_CLOEXEC");
	do_epoll(EPOLL_CLOEXEC | WRONG_FLAG, "EPOLL_CLOEXEC");
	pidfds();
	do_memfd("tk_memory", MFD_CLOEXEC | MFD_ALLOW_SEALING, "MFD_CLOEXEC|MFD_ALLOW_SEALING");
	do_memfd("two words", 0, "0");
	do_memfd(NULL, MFD_CLOEXEC, "MFD_CLOEXEC");                    /* EFAULT */
	do_memfd("tk/wrong", MFD_CLOEXEC | WRONG_FLAG, "MFD_CLOEXEC"); /* EINVAL */
	do_userfaultfd(O_CLOEXEC | O_NONBLOCK, "O_NONBLOCK|O_CLOEXEC");
	do_userfaultfd(O_CLOEXEC | UFFD_USER_MODE_ONLY, "O_CLOEXEC");
	do_userfaultfd(O_CLOEXEC | WRONG_FLAG, "O_CLOEXEC"); /* EINVAL */
	return 0;
}
