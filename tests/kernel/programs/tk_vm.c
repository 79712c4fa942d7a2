/* process_vm_readv and process_vm_writev: of a child's memory, of what is not there, and refused. */
#include "generic.h"

#include <sys/uio.h>

#define GONE 0x3ffffe
#define SHOWN 80 /* bytes of a buffer that are shown (falco-rules.md, 5.2) */

static char own[256], theirs[256]; /* the child has both at the same addresses */

struct copy {
	pid_t pid;
	bool known;
	struct iovec local[2], remote[2];
	unsigned long flags;
};

/* The caller's side of the copy: what was read, or what was written. */
static void truth_data(const struct copy *c, long result)
{
	char text[SHOWN + 4] = "";
	long n = 0;

	for (int i = 0; i < 2; i++) {
		for (size_t at = 0; at < c->local[i].iov_len && n < result && n < SHOWN; at++, n++) {
			unsigned char byte = ((char *)c->local[i].iov_base)[at];
			text[n] = byte >= 0x20 && byte < 0x7f ? byte : '.';
		}
	}
	if (result > SHOWN)
		strcat(text, "...");
	truth_text("evt.arg.data", result > 0 ? text : "NULL");
}

static long done(const char *type, long number, const struct copy *c)
{
	long result = result_of(syscall(number, c->pid, c->local, 2ul, c->remote, 2ul, c->flags));

	truth_begin(type, result);
	truth_errno_arg("evt.arg.res", result);
	if (c->known)
		truth_comm("evt.arg.pid");
	else
		truth_textf("evt.arg.pid", "%d", c->pid);
	truth_data(c, result);
	truth_text("evt.category", "IPC");
	truth_bool("evt.is_io_read", false);
	truth_bool("evt.is_io_write", false);
	truth_no_descriptor();
	truth_end();
	return result;
}

static long read_theirs(const struct copy *c)
{
	return done("process_vm_readv", SYS_process_vm_readv, c);
}

static long write_theirs(const struct copy *c)
{
	return done("process_vm_writev", SYS_process_vm_writev, c);
}

static void with_child(pid_t child)
{
	void *nowhere = (void *)0x1000;

	memset(theirs, 0, sizeof(theirs)); /* ours: the child's copy stays as it was */
	need(read_theirs(&(struct copy){child, true, {{own, 5}}, {{theirs, 5}}, 0}) == 5 && !strcmp(own, "Their"), "read");
	need(read_theirs(&(struct copy){child, true, {{own, 3}, {own + 100, 40}}, {{theirs, 8}, {theirs + 8, 12}}, 0}) == 20,
	     "read");
	need(read_theirs(&(struct copy){child, true, {{own, 200}}, {{theirs, 200}}, 0}) == 200, "read");
	need(read_theirs(&(struct copy){child, true, {{own, 80}}, {{theirs + 100, 80}}, 0}) == 80, "read");
	need(read_theirs(&(struct copy){child, true, {{own, 20}}, {{theirs, 7}, {nowhere, 13}}, 0}) == 7, "a part");
	need(read_theirs(&(struct copy){child, true, {{own, 0}}, {{theirs, 7}}, 0}) == 0, "nothing");
	need(read_theirs(&(struct copy){child, true, {{own, 7}}, {{nowhere, 7}}, 0}) == -EFAULT, "nowhere");
	need(read_theirs(&(struct copy){child, true, {{own, 7}}, {{theirs, 7}}, 1}) == -EINVAL, "flags");

	strcpy(own, "new\tbytes\n");
	need(write_theirs(&(struct copy){child, true, {{own, 10}}, {{theirs, 10}}, 0}) == 10, "write");
	need(write_theirs(&(struct copy){child, true, {{own, 4}, {own + 4, 6}}, {{theirs + 20, 10}}, 0}) == 10, "write");
	need(write_theirs(&(struct copy){child, true, {{own, 200}}, {{theirs, 150}}, 0}) == 150, "write");
	need(write_theirs(&(struct copy){child, true, {{own, 10}}, {{nowhere, 10}}, 0}) == -EFAULT, "nowhere");
}

static void others(pid_t pid, bool known)
{
	read_theirs(&(struct copy){pid, known, {{own, 7}}, {{theirs, 7}}, 0});
	write_theirs(&(struct copy){pid, known, {{own, 7}}, {{theirs, 7}}, 0});
}

int main(void)
{
	int told[2];
	char c;

	for (size_t i = 0; i < sizeof(theirs); i++)
		theirs[i] = i < 100 ? 'a' + i % 26 : i;
	memcpy(theirs, "Their", 5);
	truth_types("process_vm_readv", "process_vm_writev", NULL);
	need(pipe(told) == 0, "pipe");
	pid_t child = fork();
	need(child >= 0, "fork");
	if (child == 0) {
		need(write(told[1], "", 1) == 1, "write");
		for (;;)
			pause();
	}
	need(read(told[0], &c, 1) == 1, "read");
	with_child(child);
	others(GONE, false);

	pid_t nobody = fork();
	need(nobody >= 0, "fork");
	if (nobody == 0) {
		need(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
		others(getppid(), true); /* refused */
		_exit(0);
	}
	wait_for(nobody);
	kill(child, SIGKILL);
	wait_for(child);
	return 0;
}
