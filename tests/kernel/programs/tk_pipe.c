/* pipe and pipe2: flags, wrong flags, no place for the numbers. */
#include "descriptors.h"

static void state(const char *type, long result, const int fds[2], const char *flags_text)
{
	struct seen s = look(result == 0 ? fds[0] : -1);

	truth_begin(type, result);
	truth_errno_arg("evt.arg.res", result);
	truth_fd_arg("evt.arg.fd1", result == 0 ? fds[0] : -1, &s);
	truth_fd_arg("evt.arg.fd2", result == 0 ? fds[1] : -1, &s);
	truth_textf("evt.arg.ino", "%lu", result == 0 ? (unsigned long)s.st.st_ino : 0);
	if (flags_text)
		truth_text("evt.arg.flags", flags_text);
	truth_text("evt.category", "IPC");
	truth_bool("evt.is_io_read", false);
	truth_bool("evt.is_io_write", false);
	if (result == 0)
		truth_seen(&s);
	else
		truth_text("fd.num", NULL);
	truth_end();
}

#ifdef SYS_pipe
static void do_pipe(void *room)
{
	int fds[2] = {77, 78};
	long result = result_of(syscall(SYS_pipe, room ? room : fds));

	state("pipe", result, fds, NULL);
}
#else
#define do_pipe(room) do_pipe2(room, 0, "O_NONE")
#endif

static void do_pipe2(void *room, int flags, const char *flags_text)
{
	int fds[2] = {77, 78};
	long result = result_of(syscall(SYS_pipe2, room ? room : fds, flags));

	state("pipe2", result, fds, flags_text);
}

int main(void)
{
	truth_types("pipe", "pipe2", NULL);
	do_pipe(NULL);
	do_pipe(NULL);
	do_pipe((void *)8); /* EFAULT */
	do_pipe2(NULL, 0, "O_NONE");
	do_pipe2(NULL, O_CLOEXEC, "O_CLOEXEC");
	do_pipe2(NULL, O_NONBLOCK | O_CLOEXEC | O_DIRECT, "O_DIRECT|O_NONBLOCK|O_CLOEXEC");
	do_pipe2(NULL, O_CLOEXEC | O_APPEND, "O_APPEND|O_CLOEXEC"); /* EINVAL */
	do_pipe2((void *)8, O_NONBLOCK, "O_NONBLOCK");     /* EFAULT */
	return 0;
}
