/* setfsuid, setfsgid, setgroups and capset: who a process is to files, and what it may do. */
#include "caps.h"
#include "generic.h"

#include <linux/capability.h>

static void do_setfs(const char *type, long number, unsigned int id)
{
	long result = result_of(syscall(number, id)); /* the former id, even where it refuses */

	truth_begin(type, result);
	truth_generic(type, number, result);
	if (id == -1u)
		truth_text(number == SYS_setfsuid ? "evt.arg.uid" : "evt.arg.gid", "<NONE>");
	else if (number == SYS_setfsuid)
		truth_user("evt.arg.uid", id);
	else
		truth_group("evt.arg.gid", id);
	truth_text("evt.category", "other");
	truth_no_descriptor();
	truth_caps(); /* a file system's user takes some along */
	truth_end();
}

static void do_setgroups(unsigned int size, const gid_t *groups)
{
	long result = result_of(syscall(SYS_setgroups, (unsigned long)size, groups));

	truth_begin("setgroups", result);
	truth_generic("setgroups", SYS_setgroups, result);
	truth_textf("evt.arg.size", "%u", size);
	truth_text("evt.category", "other");
	truth_no_descriptor();
	truth_end();
}

/* The parameters are what the process has after the call, which for one that worked is what it asked for. */
static void state_capset(long result)
{
	truth_begin("capset", result);
	truth_errno_arg("evt.arg.res", result);
	truth_textf("evt.arg.cap_inheritable", "%llX", status_field("CapInh:", 16));
	truth_textf("evt.arg.cap_permitted", "%llX", status_field("CapPrm:", 16));
	truth_textf("evt.arg.cap_effective", "%llX", status_field("CapEff:", 16));
	truth_caps();
	truth_text("evt.category", "process");
	truth_no_descriptor();
	truth_end();
}

static void do_capset(unsigned long long inheritable, unsigned long long permitted, unsigned long long effective, bool good)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = effective, .permitted = permitted, .inheritable = inheritable},
		{.effective = effective >> 32, .permitted = permitted >> 32, .inheritable = inheritable >> 32},
	};
	long result = result_of(syscall(SYS_capset, &head, data));

	need((result == 0) == good, "capset");
	if (result == 0) {
		need(status_field("CapEff:", 16) == effective && status_field("CapPrm:", 16) == permitted &&
		     status_field("CapInh:", 16) == inheritable, "capabilities after capset");
	}
	state_capset(result);
}

/* Version 0 is none: the kernel answers with its own. */
static void capset_of_no_version(void)
{
	struct __user_cap_header_struct head = {.version = 0};
	struct __user_cap_data_struct data[2] = {};

	state_capset(result_of(syscall(SYS_capset, &head, data)));
}

static void with_fewer_capabilities(void)
{
	unsigned long long all = status_field("CapPrm:", 16), kill = 1ull << CAP_KILL, some = kill | 1ull << CAP_BPF;

	do_capset(kill, all, all, true);
	do_capset(some, all & ~(1ull << CAP_SYS_MODULE), some, true);
	do_capset(0, some, 0, true);
	do_capset(0, all, 0, false); /* what was given up is gone */
	do_capset(0, 0, 0, true);
	do_capset(0, 0, kill, false);
	capset_of_no_version();
	do_setgroups(0, NULL);
	do_setfs("setfsuid", SYS_setfsuid, 65534);
	do_setfs("setfsgid", SYS_setfsgid, 65534);
}

int main(void)
{
	gid_t groups[] = {0, 65534, 54321};

	truth_types("setfsuid", "setfsgid", "setgroups", "capset", NULL);
	do_setfs("setfsuid", SYS_setfsuid, 65534);
	do_setfs("setfsuid", SYS_setfsuid, 54321); /* without a name */
	do_setfs("setfsuid", SYS_setfsuid, -1);
	do_setfs("setfsuid", SYS_setfsuid, 0);
	do_setfs("setfsgid", SYS_setfsgid, 65534);
	do_setfs("setfsgid", SYS_setfsgid, -1);
	do_setfs("setfsgid", SYS_setfsgid, 54321);
	do_setfs("setfsgid", SYS_setfsgid, 0);
	do_setgroups(ARRAY_SIZE(groups), groups);
	do_setgroups(1, NULL);
	do_setgroups(0x10001, groups); /* more than there may be */
	do_setgroups(0, NULL);

	pid_t child = fork();
	need(child >= 0, "fork");
	if (child == 0) {
		with_fewer_capabilities();
		_exit(0);
	}
	need(wait_for(child) == 0, "the child");
	return 0;
}
