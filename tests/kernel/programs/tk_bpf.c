/* bpf and perf_event_open: what makes a descriptor, what does not, and what is refused. */
#include "descriptors.h"

#include <linux/bpf.h>
#include <linux/perf_event.h>

enum { ABSENT_FD = 999 };

static long do_bpf(int cmd, const char *cmd_text, union bpf_attr *attr, size_t size, bool makes)
{
	long result = result_of(syscall(SYS_bpf, cmd, attr, size));
	struct seen s = look(makes && result >= 0 ? result : -1);

	truth_begin("bpf", result);
	truth_fd_arg("evt.arg.fd", result, &s);
	truth_text("evt.arg.cmd", cmd_text);
	truth_text("evt.category", "other");
	truth_bool("evt.is_io_read", false);
	truth_bool("evt.is_io_write", false);
	truth_seen(&s);
	truth_end();
	return result;
}

/* Two instructions: r0 = 0; exit. */
static const struct bpf_insn returns_zero[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
	{.code = BPF_JMP | BPF_EXIT},
};

static void bpfs(void)
{
	union bpf_attr array = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
	union bpf_attr wrong = {.map_type = 9999, .key_size = 4, .value_size = 8, .max_entries = 1};
	union bpf_attr garbage = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 1};
	union bpf_attr program = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2};
	union bpf_attr lookup = {}, ids = {}, run = {};
	unsigned int key = 0, absent = 5;
	unsigned long value = 0, instruction = 0xffff;

	long map = do_bpf(BPF_MAP_CREATE, "BPF_MAP_CREATE", &array, sizeof(array), true);
	need(map >= 0, "a map");
	do_bpf(BPF_MAP_CREATE, "BPF_MAP_CREATE", &wrong, sizeof(wrong), true);
	garbage.insns = (unsigned long)&instruction;
	garbage.license = program.license = (unsigned long)"GPL";
	program.insns = (unsigned long)returns_zero;
	long loaded = do_bpf(BPF_PROG_LOAD, "BPF_PROG_LOAD", &program, sizeof(program), true);
	need(loaded >= 0, "a program");
	do_bpf(BPF_PROG_LOAD, "BPF_PROG_LOAD", &garbage, sizeof(garbage), true);
	/* results that are no descriptors */
	lookup.map_fd = map;
	lookup.key = (unsigned long)&key;
	lookup.value = (unsigned long)&value;
	do_bpf(BPF_MAP_LOOKUP_ELEM, "BPF_MAP_LOOKUP_ELEM", &lookup, sizeof(lookup), false);
	lookup.key = (unsigned long)&absent;
	do_bpf(BPF_MAP_LOOKUP_ELEM, "BPF_MAP_LOOKUP_ELEM", &lookup, sizeof(lookup), false); /* ENOENT */
	do_bpf(BPF_PROG_GET_NEXT_ID, "BPF_PROG_GET_NEXT_ID", &ids, sizeof(ids), false);
	run.test.prog_fd = ABSENT_FD;
	do_bpf(BPF_PROG_TEST_RUN, "BPF_PROG_TEST_RUN|BPF_PROG_RUN", &run, sizeof(run), false); /* two names */
	do_bpf(4321, "4321", &ids, sizeof(ids), false);                           /* EINVAL */
	do_bpf(BPF_MAP_CREATE, "BPF_MAP_CREATE", (void *)8, sizeof(array), true); /* EFAULT */
}

static void do_perf(struct perf_event_attr *attr, pid_t pid, const char *pid_text, int cpu, unsigned long flags)
{
	long result = result_of(syscall(SYS_perf_event_open, attr, pid, cpu, -1, flags));
	struct seen s = look(result);

	truth_begin("perf_event_open", result);
	truth_text("evt.arg.ID", "perf_event_open");
	truth_textf("evt.arg.nativeID", "%d", SYS_perf_event_open);
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.arg.pid", pid_text);
	truth_textf("evt.arg.cpu", "%d", cpu);
	truth_textf("evt.arg.flags", "%lX", flags);
	truth_text("evt.category", "other");
	if (result >= 0)
		truth_seen(&s);
	else
		truth_text("fd.num", NULL);
	truth_end();
}

static void perfs(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_TASK_CLOCK, .disabled = 1,
	};

	do_perf(&attr, 0, "0", -1, 0);
	do_perf(&attr, getpid(), "tk_bpf", -1, PERF_FLAG_FD_CLOEXEC);
	do_perf(&attr, -1, "-1", 0, PERF_FLAG_FD_CLOEXEC);
	do_perf(&attr, -1, "-1", -1, 0);             /* EINVAL */
	do_perf(&attr, 0x3fffffff, "1073741823", -1, 0); /* ESRCH */
	attr.type = 4321;
	do_perf(&attr, 0, "0", -1, 0); /* ENOENT */
	do_perf((void *)8, 0, "0", -1, 0x40); /* EFAULT or EINVAL */
}

int main(void)
{
	truth_types("bpf", "perf_event_open", NULL);
	bpfs();
	perfs();
	return 0;
}
