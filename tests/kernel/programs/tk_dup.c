/* dup, dup2, dup3, fcntl: a file, a socket, a pipe, no descriptor. Argument: a folder of its own. */
#include "descriptors.h"

enum { ABSENT_FD = 999, FREE_FD = 300, BEYOND = 0x7ffffff0 };

static int file, taken, tcp[2], pipes[2];

/* oldfd: what was to be duplicated; a failed call is about it. */
static void state(const char *type, long result, int oldfd, enum role role)
{
	struct seen s = look_with(result >= 0 ? result : oldfd, role, NULL, NULL);

	truth_begin(type, result);
	truth_fd_arg("evt.arg.res", result, &s);
	truth_fd_arg("evt.arg.oldfd", oldfd, &s);
	truth_text("evt.category", io_category(&s));
	truth_bool("evt.is_io_read", false);
	truth_bool("evt.is_io_write", false);
	truth_seen(&s);
}

/* The number that was asked for: a descriptor now, or only a number. */
static void truth_newfd(long result, int oldfd, int newfd, enum role role)
{
	struct seen s = look_with(newfd == oldfd || result >= 0 ? newfd : -1, role, NULL, NULL);

	truth_fd_arg("evt.arg.newfd", newfd, &s);
}

static void do_dup(int oldfd, enum role role)
{
	long result = result_of(syscall(SYS_dup, oldfd));

	state("dup", result, oldfd, role);
	truth_end();
}

#ifdef SYS_dup2
static void do_dup2(int oldfd, int newfd, enum role role)
{
	long result = result_of(syscall(SYS_dup2, oldfd, newfd));

	state("dup2", result, oldfd, role);
	truth_newfd(result, oldfd, newfd, role);
	truth_end();
}
#else
#define do_dup2(oldfd, newfd, role) do_dup3(oldfd, newfd, 0, "O_NONE", role)
#endif

static void do_dup3(int oldfd, int newfd, int flags, const char *flags_text, enum role role)
{
	long result = result_of(syscall(SYS_dup3, oldfd, newfd, flags));

	state("dup3", result, oldfd, role);
	truth_newfd(result, oldfd, newfd, role);
	truth_text("evt.arg.flags", flags_text);
	truth_end();
}

/* makes: the result is a descriptor; otherwise it is what it is. */
static void do_fcntl(int fd, int cmd, const char *cmd_text, unsigned long arg, enum role role, bool makes)
{
	long result = result_of(syscall(SYS_fcntl, fd, cmd, arg));
	struct seen s = look_with(makes && result >= 0 ? result : fd, role, NULL, NULL);
	struct seen number = {.num = -1};

	truth_begin("fcntl", result);
	truth_fd_arg("evt.arg.res", result, makes ? &s : &number);
	truth_fd_arg("evt.arg.fd", fd, &s);
	truth_text("evt.arg.cmd", cmd_text);
	truth_textf("evt.arg.arg", "%lX", arg);
	truth_text("evt.category", io_category(&s));
	truth_seen(&s);
	truth_end();
}

static void dups(void)
{
	do_dup(file, NO_ROLE);
	do_dup(tcp[0], CLIENT);
	do_dup(tcp[1], SERVER);
	do_dup(pipes[0], NO_ROLE);
	do_dup(ABSENT_FD, NO_ROLE);
	do_dup(-1, NO_ROLE);

	do_dup2(file, FREE_FD, NO_ROLE);
	do_dup2(file, taken, NO_ROLE);
	do_dup2(file, file, NO_ROLE);
	do_dup2(tcp[1], FREE_FD, SERVER);
	do_dup2(file, -1, NO_ROLE);
	do_dup2(file, BEYOND, NO_ROLE);
	do_dup2(ABSENT_FD, FREE_FD, NO_ROLE);

	do_dup3(file, FREE_FD + 1, 0, "O_NONE", NO_ROLE);
	do_dup3(tcp[0], FREE_FD + 1, O_CLOEXEC, "O_CLOEXEC", CLIENT);
	do_dup3(file, file, O_CLOEXEC, "O_CLOEXEC", NO_ROLE); /* EINVAL */
	do_dup3(ABSENT_FD, FREE_FD + 2, O_CLOEXEC, "O_CLOEXEC", NO_ROLE);
}

static void fcntls(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	do_fcntl(file, F_DUPFD, "F_DUPFD", 200, NO_ROLE, true);
	do_fcntl(tcp[0], F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC", 210, CLIENT, true);
	do_fcntl(file, F_DUPFD, "F_DUPFD", BEYOND, NO_ROLE, true); /* EINVAL */
	do_fcntl(file, F_GETFD, "F_GETFD", 0, NO_ROLE, false);
	do_fcntl(file, F_SETFD, "F_SETFD", FD_CLOEXEC, NO_ROLE, false);
	do_fcntl(file, F_GETFL, "F_GETFL", 0, NO_ROLE, false);
	do_fcntl(tcp[1], F_SETFL, "F_SETFL", O_RDWR | O_NONBLOCK, SERVER, false);
	do_fcntl(file, F_SETLK, "F_SETLK", (unsigned long)&lock, NO_ROLE, false);
	do_fcntl(file, F_OFD_GETLK, "F_OFD_GETLK", 8, NO_ROLE, false); /* EFAULT */
	do_fcntl(pipes[1], F_GETPIPE_SZ, "F_GETPIPE_SZ", 0, NO_ROLE, false);
	do_fcntl(file, F_GETPIPE_SZ, "F_GETPIPE_SZ", 0, NO_ROLE, false); /* EBADF: no pipe */
	do_fcntl(file, F_GET_SEALS, "UNKNOWN", 0, NO_ROLE, false);      /* Falco has no word for it */
	do_fcntl(ABSENT_FD, F_GETFD, "F_GETFD", 0, NO_ROLE, false);
	do_fcntl(-1, F_DUPFD, "F_DUPFD", 0, NO_ROLE, true);
}

static void state_all(void)
{
	dups();
	fcntls();
}

int main(int argc, char **argv)
{
	need(argc == 2 && chdir(argv[1]) == 0, "the folder");
	file = open("file", O_RDWR | O_CREAT | O_EXCL, 0600);
	taken = open("/dev/null", O_RDONLY);
	need(file >= 0 && taken >= 0 && pipe(pipes) == 0, "descriptors");
	tcp_pair(tcp);
	truth_types("dup", "dup2", "dup3", "fcntl", NULL);
	return state_in_child(state_all);
}
