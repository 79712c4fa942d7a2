/* setuid, setgid, setreuid, setregid, setresuid, setresgid. Each case in a process of its own. */
#include "truth.h"

enum { NOBODY = 65534, NAMELESS = 54321 };

struct call {
	const char *type;
	long nr;
	bool group;
	const char *args[3];
	long values[3];
};

static void done(const struct call *c, long result)
{
	truth_begin(c->type, result);
	truth_errno_arg("evt.arg.res", result);
	for (int i = 0; i < 3 && c->args[i]; i++) {
		char key[32];
		snprintf(key, sizeof(key), "evt.arg.%s", c->args[i]);
		if (c->values[i] == -1)
			truth_text(key, "<NONE>");
		else if (c->group)
			truth_group(key, c->values[i]);
		else
			truth_user(key, c->values[i]);
	}
	truth_end();
}

static void twice(const struct call *first, long then)
{
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (pid > 0) {
		need(wait_for(pid) == 0, "a child");
		return;
	}
	done(first, result_of(syscall(first->nr, first->values[0], first->values[1], first->values[2])));
	/* groups need the capability that goes with uid 0 */
	if (first->group && setuid(NOBODY) != 0)
		_exit(1);
	struct call second = *first;
	second.values[0] = then;
	done(&second, result_of(syscall(second.nr, second.values[0], second.values[1], second.values[2])));
	_exit(0);
}

int main(void)
{
	truth_types("setgid", "setreuid", "setregid", "setresuid", "setresgid", NULL);
	static const struct call calls[] = {
		{"setgid", SYS_setgid, true, {"gid"}, {NOBODY}},
		{"setreuid", SYS_setreuid, false, {"ruid", "euid"}, {NOBODY, NOBODY}},
		{"setregid", SYS_setregid, true, {"rgid", "egid"}, {-1, NOBODY}},
		{"setresuid", SYS_setresuid, false, {"ruid", "euid", "suid"}, {NOBODY, NOBODY, NOBODY}},
		{"setresgid", SYS_setresgid, true, {"rgid", "egid", "sgid"}, {NAMELESS, NOBODY, NAMELESS}},
	};
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		twice(&calls[i], 0);
	return 0;
}
