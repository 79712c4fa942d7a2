/* unshare and setns: namespaces of its own, and back into those that it had. */
#include "generic.h"

#include <sched.h>

static void do_unshare(unsigned long flags, const char *text)
{
	long result = result_of(syscall(SYS_unshare, flags));

	truth_begin("unshare", result);
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.arg.flags", text);
	truth_text("evt.category", "process");
	truth_no_descriptor();
	truth_end();
}

/* A namespace's descriptor is named as the link to it is: "uts:[4026531838]". */
static void do_setns(int fd, unsigned int type, const char *type_text)
{
	long result = result_of(syscall(SYS_setns, fd, type));
	char link[64], name[PATH_MAX] = "";
	struct stat st;

	truth_begin("setns", result);
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.arg.nstype", type_text);
	truth_text("evt.category", "process");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) != 0) {
		truth_absent_descriptor(fd);
	} else {
		need(readlink(link, name, sizeof(name) - 1) > 0, link);
		if (strstr(name, "pidfd"))
			truth_descriptor(fd, "pidfd", 'P', "");
		else
			truth_descriptor(fd, S_ISDIR(st.st_mode) ? "directory" : "file", S_ISDIR(st.st_mode) ? 'd' : 'f', name);
	}
	truth_end();
}

struct space {
	const char *link;
	unsigned int type;
	const char *text;
	int fd;
};

static struct space spaces[] = {
	{"/proc/self/ns/mnt", CLONE_NEWNS, "CLONE_NEWNS", -1},
	{"/proc/self/ns/uts", CLONE_NEWUTS, "CLONE_NEWUTS", -1},
	{"/proc/self/ns/ipc", CLONE_NEWIPC, "CLONE_NEWIPC", -1},
	{"/proc/self/ns/net", CLONE_NEWNET, "CLONE_NEWNET", -1},
	{"/proc/self/ns/cgroup", CLONE_NEWCGROUP, "CLONE_NEWCGROUP", -1},
	{"/proc/self/ns/pid", CLONE_NEWPID, "CLONE_NEWPID", -1},
};

/* A user namespace in which the ids are as they were, so that what the program says of itself holds. */
static void unshare_user(void)
{
	long result = result_of(syscall(SYS_unshare, CLONE_NEWUSER));
	static const char *const maps[][2] = {
		{"/proc/self/setgroups", "deny"}, {"/proc/self/uid_map", "0 0 1"}, {"/proc/self/gid_map", "0 0 1"},
	};

	for (size_t i = 0; result == 0 && i < ARRAY_SIZE(maps); i++) {
		int fd = open(maps[i][0], O_WRONLY);
		need(write(fd, maps[i][1], strlen(maps[i][1])) > 0, maps[i][0]);
		close(fd);
	}
	truth_begin("unshare", result);
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.arg.flags", "CLONE_NEWUSER");
	truth_end();
	do_unshare(CLONE_NEWUTS, "CLONE_NEWUTS");
	do_setns(spaces[1].fd, 0, "0"); /* the outer one: refused */
}

static void as_nobody(void)
{
	need(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
	do_unshare(CLONE_NEWNS, "CLONE_NEWNS");
	do_setns(spaces[2].fd, CLONE_NEWIPC, "CLONE_NEWIPC");
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
	truth_types("unshare", "setns", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
		need((spaces[i].fd = open(spaces[i].link, O_RDONLY)) >= 0, spaces[i].link);
	in_child(as_nobody);
	in_child(unshare_user);

	do_unshare(CLONE_NEWNS, "CLONE_NEWNS");
	do_unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET, "CLONE_NEWIPC|CLONE_NEWNET|CLONE_NEWUTS");
	do_unshare(CLONE_NEWCGROUP, "CLONE_NEWCGROUP");
	do_unshare(CLONE_FILES | CLONE_FS, "CLONE_FILES|CLONE_FS");
	do_unshare(0, "0");
	do_unshare(CLONE_PARENT, "CLONE_PARENT"); /* refused */
	do_unshare(1, "1"); /* refused: no flag */
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		do_setns(spaces[i].fd, CLONE_NEWTIME, "128"); /* refused: another type */
		do_setns(spaces[i].fd, i % 2 ? spaces[i].type : 0, i % 2 ? spaces[i].text : "0");
	}
	do_setns(open("/", O_RDONLY | O_DIRECTORY), 0, "0");
	do_setns(open("/dev/null", O_RDONLY), 0, "0");
	do_setns(syscall(SYS_pidfd_open, getppid(), 0), CLONE_NEWUTS | CLONE_NEWIPC, "CLONE_NEWIPC|CLONE_NEWUTS");
	do_setns(9999, 0, "0");
	do_setns(-1, CLONE_NEWNS, "CLONE_NEWNS");
	do_unshare(CLONE_NEWPID, "CLONE_NEWPID");
	return 0;
}
