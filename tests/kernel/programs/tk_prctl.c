/*
 * prctl: a process's name, whether it takes orphans, what it may not become.
 * Stating with truth_begin() would ask for the process's name, which is a prctl: here its name is read from /proc.
 */
#include "caps.h"
#include "generic.h"

#include <sys/prctl.h>

struct call {
	int option;
	unsigned long arg2, arg3;
	const char *option_text;
	const char *text; /* NULL: of options without a text */
	const char *number;
};

static char comm[64];

static void state(const struct call *c, long result)
{
	truth_begin_of("prctl", getpid());
	truth_result(result);
	truth_text("proc.name", comm); /* the one that it had when its program started */
	truth_text("proc.exepath", truth_exe);
	truth_number("proc.ppid", getppid());
	truth_number("thread.tid", syscall(SYS_gettid));
	truth_number("user.uid", geteuid());
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.arg.option", c->option_text);
	truth_text("evt.arg.arg2_str", c->text ? c->text : "<NA>");
	truth_text("evt.arg.arg2_int", c->number);
	truth_text("evt.category", "process");
	truth_text("evt.buffer", NULL);
	truth_no_descriptor();
	truth_caps();
	truth_end();
}

static void do_prctl(const struct call *c)
{
	state(c, result_of(syscall(SYS_prctl, c->option, c->arg2, c->arg3, 0, 0)));
}

static void names(void)
{
	char name[32] = "";

	do_prctl(&(struct call){PR_GET_NAME, (unsigned long)name, 0, "PR_GET_NAME", "tk_prctl", "0"});
	do_prctl(&(struct call){PR_SET_NAME, (unsigned long)"tk other", 0, "PR_SET_NAME", "tk other", "0"});
	do_prctl(&(struct call){PR_GET_NAME, (unsigned long)name, 0, "PR_GET_NAME", "tk other", "0"});
	need(!strcmp(name, "tk other"), name);
	/* The kernel cuts it at 15; the argument is what was given. */
	do_prctl(&(struct call){PR_SET_NAME, (unsigned long)"tk_a_name_longer_than_15", 0, "PR_SET_NAME",
				"tk_a_name_longer_than_15", "0"});
	do_prctl(&(struct call){PR_SET_NAME, 0, 0, "PR_SET_NAME", NULL, "0"});
}

static void orphans(void)
{
	int takes = 77;

	do_prctl(&(struct call){PR_GET_CHILD_SUBREAPER, (unsigned long)&takes, 0, "PR_GET_CHILD_SUBREAPER", NULL, "0"});
	need(takes == 0, "PR_GET_CHILD_SUBREAPER");
	do_prctl(&(struct call){PR_SET_CHILD_SUBREAPER, 1, 0, "PR_SET_CHILD_SUBREAPER", NULL, "1"});
	do_prctl(&(struct call){PR_GET_CHILD_SUBREAPER, (unsigned long)&takes, 0, "PR_GET_CHILD_SUBREAPER", NULL, "1"});
	need(takes == 1, "PR_GET_CHILD_SUBREAPER");
	do_prctl(&(struct call){PR_SET_CHILD_SUBREAPER, 0, 0, "PR_SET_CHILD_SUBREAPER", NULL, "0"});
}

static void privileges(void)
{
	do_prctl(&(struct call){PR_GET_NO_NEW_PRIVS, 0, 0, "PR_GET_NO_NEW_PRIVS", NULL, "0"});
	do_prctl(&(struct call){PR_SET_NO_NEW_PRIVS, 2, 0, "PR_SET_NO_NEW_PRIVS", NULL, "2"}); /* refused */
	do_prctl(&(struct call){PR_SET_NO_NEW_PRIVS, 1, 0, "PR_SET_NO_NEW_PRIVS", NULL, "1"});
	do_prctl(&(struct call){PR_GET_NO_NEW_PRIVS, 0, 0, "PR_GET_NO_NEW_PRIVS", NULL, "0"});
	do_prctl(&(struct call){PR_CAPBSET_READ, 5, 0, "PR_CAPBSET_READ", NULL, "5"});
	do_prctl(&(struct call){PR_SET_DUMPABLE, 3, 0, "PR_SET_DUMPABLE", NULL, "3"}); /* refused */
	do_prctl(&(struct call){PR_SET_KEEPCAPS, -1ul, 0, "PR_SET_KEEPCAPS", NULL, "-1"}); /* refused */
	do_prctl(&(struct call){4242, 7, 0, "4242", NULL, "7"}); /* no such option */
}

int main(void)
{
	truth_exe[readlink("/proc/self/exe", truth_exe, sizeof(truth_exe) - 1)] = 0;
	read_file("/proc/self/comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	truth_types("prctl", NULL);
	names();
	orphans();
	privileges();
	return 0;
}
