/* sched_setaffinity and setpriority: threads of its own, and what is refused. */
#include "generic.h"

#include <sched.h>
#include <sys/resource.h>

static void truth_pid(const char *key, long pid)
{
	if (pid == getpid())
		truth_comm(key);
	else
		truth_textf(key, "%ld", pid);
}

static void pin(long pid, unsigned int size, const cpu_set_t *set)
{
	long result = result_of(syscall(SYS_sched_setaffinity, pid, size, set));

	truth_begin("sched_setaffinity", result);
	truth_generic("sched_setaffinity", SYS_sched_setaffinity, result);
	truth_pid("evt.arg.pid", pid);
	truth_textf("evt.arg.size", "%u", size);
	truth_no_descriptor();
	truth_text("evt.category", "other");
	truth_end();
}

static void nice_to(int which, long who, int prio)
{
	long result = result_of(syscall(SYS_setpriority, which, who, prio));

	truth_begin("setpriority", result);
	truth_generic("setpriority", SYS_setpriority, result);
	truth_textf("evt.arg.which", "%d", which);
	truth_pid("evt.arg.who", who);
	truth_textf("evt.arg.prio", "%d", prio);
	truth_no_descriptor();
	truth_text("evt.category", "other");
	truth_end();
}

int main(void)
{
	cpu_set_t all, none;

	truth_types("sched_setaffinity", "setpriority", NULL);
	CPU_ZERO(&none);
	need(sched_getaffinity(0, sizeof(all), &all) == 0, "sched_getaffinity");
	pin(0, sizeof(all), &all);
	pin(getpid(), sizeof(all), &all);
	pin(0, sizeof(none), &none); /* refused: no processor is left */
	pin(0, sizeof(all), NULL);
	nice_to(PRIO_PROCESS, 0, 1);
	nice_to(PRIO_PROCESS, getpid(), 19);
	nice_to(99, 0, 0);
	nice_to(PRIO_PROCESS, 0x7ffffffe, 5); /* no such process */
	return 0;
}
