/* keyctl and seccomp: key rings of a child's own; a filter that allows all; and what is refused. */
#include "truth.h"

#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

static void no_descriptor(void)
{
	truth_text("fd.num", NULL);
	truth_text("fd.name", NULL);
	truth_text("fd.type", NULL);
	truth_text("evt.category", "other");
}

static long do_keyctl(long operation, const char *text, long arg2, long arg3, long arg4, long arg5)
{
	long result = result_of(syscall(SYS_keyctl, operation, arg2, arg3, arg4, arg5));

	truth_begin("keyctl", result);
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.arg.operation", text);
	truth_textf("evt.arg.arg2", "%ld", arg2);
	truth_textf("evt.arg.arg3", "%ld", arg3);
	truth_textf("evt.arg.arg4", "%ld", arg4);
	truth_textf("evt.arg.arg5", "%ld", arg5);
	no_descriptor();
	truth_end();
	return result;
}

static void do_seccomp(unsigned int operation, unsigned int flags, const void *args)
{
	long result = result_of(syscall(SYS_seccomp, operation, flags, args));

	truth_begin("seccomp", result);
	truth_errno_arg("evt.arg.res", result);
	truth_textf("evt.arg.op", "%u", operation);
	truth_textf("evt.arg.flags", "%X", flags);
	no_descriptor();
	truth_end();
}

/* They go away with the child. */
static void keys(void)
{
	char text[256];

	do_keyctl(KEYCTL_JOIN_SESSION_KEYRING, "KEYCTL_JOIN_SESSION_KEYRING", 0, 0, 0, 0);
	long ring = do_keyctl(KEYCTL_GET_KEYRING_ID, "KEYCTL_GET_KEYRING_ID", KEY_SPEC_PROCESS_KEYRING, 1, 0, 0);
	do_keyctl(KEYCTL_DESCRIBE, "KEYCTL_DESCRIBE", ring, (long)text, sizeof(text), 0);
	do_keyctl(KEYCTL_SET_TIMEOUT, "KEYCTL_SET_TIMEOUT", ring, 60, 0, 0);
	do_keyctl(KEYCTL_SETPERM, "KEYCTL_SETPERM", ring, 0x3f3f0000, 0, 0);
	do_keyctl(KEYCTL_CLEAR, "KEYCTL_CLEAR", KEY_SPEC_PROCESS_KEYRING, 0, 0, 0);
	do_keyctl(KEYCTL_LINK, "KEYCTL_LINK", ring, KEY_SPEC_SESSION_KEYRING, 0, 0);
	do_keyctl(KEYCTL_UNLINK, "KEYCTL_UNLINK", ring, KEY_SPEC_SESSION_KEYRING, 0, 0);
	do_keyctl(KEYCTL_REVOKE, "KEYCTL_REVOKE", ring, 0, 0, 0);
	do_keyctl(KEYCTL_READ, "KEYCTL_READ", ring, (long)text, sizeof(text), 0); /* refused from now on */
}

static void filter(void)
{
	struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog program = {.len = ARRAY_SIZE(allow), .filter = allow};

	do_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program);
	do_seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		   &program);
	program.len = 0;
	do_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program);
	do_seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL); /* refused: it takes no flags */
}

static void filter_of_nobody(void)
{
	need(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
	filter();
	need(syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	filter();
}

static void in_child(void (*run)(void))
{
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (pid == 0) {
		run();
		_exit(0);
	}
	need(wait_for(pid) == 0, "a child");
}

int main(void)
{
	unsigned int action = SECCOMP_RET_KILL_PROCESS;

	truth_types("keyctl", "seccomp", NULL);
	in_child(keys);
	do_keyctl(KEYCTL_DESCRIBE, "KEYCTL_DESCRIBE", 0x7ffffffe, 0, 0, 0); /* no such key */
	do_keyctl(KEYCTL_GET_KEYRING_ID, "KEYCTL_GET_KEYRING_ID", -77, 0, 0, 0);
	do_keyctl(777, "777", 1, 2, 3, 4);
	in_child(filter);
	in_child(filter_of_nobody);
	do_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action);
	do_seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL);
	do_seccomp(SECCOMP_SET_MODE_FILTER, 0x80000000, NULL);
	do_seccomp(99, 0, NULL);
	return 0;
}
