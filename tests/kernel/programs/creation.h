/* Processes that are made: what their events say on the parent's side and on the child's (CLONE_PARAMS of parts.h). */
#pragma once

#include "self.h"

struct creation {
	bool parent; /* whose side: the parent's, or the child's */
	pid_t child; /* its thread id, as the parent sees it */
	bool thread; /* a thread of the same process */
	bool in_pidns; /* the first one of a pid namespace of its own */
	const char *flags;
};

/* The child's side, stated by its parent while the child cannot or does not. */
static inline void truth_begin_child(const char *type, pid_t pid, pid_t tid)
{
	truth_begin_of(type, pid);
	truth_result(0);
	truth_comm("proc.name");
	truth_number("proc.ppid", pid == getpid() ? getppid() : getpid());
	truth_number("thread.tid", tid);
	truth_bool("thread.ismain", tid == pid);
	truth_number("user.uid", geteuid());
	truth_number("group.gid", getegid());
	truth_text("proc.exepath", truth_exe);
}

/* Threads may be known by number only. */
static inline void truth_thread(const char *key, pid_t tid)
{
	char regex[64];

	snprintf(regex, sizeof(regex), "^(tk_[a-z]+|%d)$", tid);
	truth_like(key, regex);
}

static inline void truth_creation_pids(const struct creation *c)
{
	if (c->parent || !c->thread)
		truth_comm("evt.arg.tid");
	else
		truth_thread("evt.arg.tid", c->child);
	truth_comm("evt.arg.pid");
	if (c->parent || c->thread)
		comm_of("evt.arg.ptid", getppid());
	else
		truth_comm("evt.arg.ptid");
	if (c->in_pidns && !c->parent) { /* number 1 there; whose name a reader gives to it is not stated */
		truth_like("evt.arg.vtid", "^[^0].*$");
		truth_like("evt.arg.vpid", "^[^0].*$");
		truth_number("proc.vpid", 1);
		return;
	}
	if (c->parent || !c->thread)
		truth_comm("evt.arg.vtid");
	else
		truth_thread("evt.arg.vtid", c->child);
	truth_comm("evt.arg.vpid");
	truth_number("proc.vpid", c->parent || c->thread ? getpid() : c->child);
}

/* Everything but what truth_begin() and truth_begin_child() state. The child is as its parent is. */
static inline void truth_creation(const struct creation *c)
{
	char cwd[PATH_MAX];

	if (!c->parent)
		truth_text("evt.arg.res", "0");
	else if (c->child < 0)
		truth_textf("evt.arg.res", "%d", c->child);
	else if (c->thread)
		truth_thread("evt.arg.res", c->child);
	else
		truth_comm("evt.arg.res"); /* a pid is shown as its process's name */
	truth_text("evt.arg.flags", c->flags);
	truth_text("evt.category", "process");
	truth_text("fd.name", NULL);
	truth_text("fd.num", NULL);
	truth_argv();
	truth_creation_pids(c);
	need(getcwd(cwd, sizeof(cwd)) != NULL, "getcwd");
	truth_text("evt.arg.cwd", cwd);
	truth_usage();
	truth_comm("evt.arg.comm");
	truth_cgroups("evt.arg.cgroups", "\\.");
	truth_cgroups("thread.cgroups", " ");
	truth_textf("evt.arg.uid", "%u", geteuid());
	truth_textf("evt.arg.gid", "%u", getegid());
	char init[64];
	snprintf(init, sizeof(init), "/proc/%d/stat", c->in_pidns && !c->parent ? c->child : 1);
	truth_start_of("evt.arg.pidns_init_start_ts", init);
}
