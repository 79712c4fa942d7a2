/*
 * Programs that are started: what an exec event says (EXEC_PARAMS of parts.h). Images are copies of the test program that
 * state what they see of themselves: their first argument is the path that their caller gave, the second the type of
 * the call.
 */
#pragma once

#include "caps.h"

#include <sys/statfs.h>

static char dir[PATH_MAX];
static char image_path[PATH_MAX + 64];
static char *env[] = {"TK_MARK=yes", NULL};

/* Fields of /proc/self/stat after the name: state ppid pgrp session tty_nr. */
static inline void stat_fields(int *pgrp, int *tty)
{
	char stat[4096], state;
	int ppid, session;

	read_file("/proc/self/stat", stat, sizeof(stat));
	need(sscanf(strrchr(stat, ')') + 1, " %c %d %d %d %d", &state, &ppid, pgrp, &session, tty) == 5, "/proc/self/stat");
}

static inline void truth_time(const char *key, struct timespec t)
{
	char day[64], zone[16];
	struct tm tm;

	localtime_r(&t.tv_sec, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	truth_textf(key, "%s.%09ld %s", day, t.tv_nsec, zone);
}

/* NUL-separated strings are shown with a dot for each NUL (falco-rules.md, 5.2). */
static inline void truth_strings(const char *key, char **strings)
{
	char text[8192] = "";

	for (; *strings; strings++) {
		strcat(text, *strings);
		strcat(text, ".");
	}
	truth_text(key, text[0] ? text : "NULL");
}

static inline void truth_session(int pgrp, int tty)
{
	truth_textf("evt.arg.tty", "%d", tty);
	truth_number("proc.tty", tty);
	comm_of("evt.arg.vpgid", pgrp);
	comm_of("evt.arg.pgid", pgrp);
	truth_number("proc.pgid", pgrp);
	truth_number("proc.vpgid", pgrp);
	truth_number("proc.sid", getsid(0));
	truth_bool("proc.is_sid_leader", getsid(0) == getpid());
	comm_of("proc.sname", getsid(0));
	truth_number("proc.vpid", getpid());
}

static inline void truth_credentials(void)
{
	char loginuid[32];

	read_file("/proc/self/loginuid", loginuid, sizeof(loginuid));
	unsigned int login = strtoul(loginuid, NULL, 10);
	if (!loginuid[0] || login == -1u) {
		truth_text("evt.arg.loginuid", "<NONE>");
		truth_number("user.loginuid", -1);
	} else {
		truth_user("evt.arg.loginuid", login);
		truth_number("user.loginuid", login);
	}
	truth_textf("evt.arg.cap_inheritable", "%llX", status_field("CapInh:", 16));
	truth_textf("evt.arg.cap_permitted", "%llX", status_field("CapPrm:", 16));
	truth_textf("evt.arg.cap_effective", "%llX", status_field("CapEff:", 16));
	truth_caps();
	truth_user("evt.arg.uid", geteuid());
	truth_group("evt.arg.gid", getegid());
}

static inline void truth_exe_flags(void)
{
	char text[128] = "", path[PATH_MAX] = "";
	struct statfs fs;
	bool memfd = readlink("/proc/self/exe", path, sizeof(path) - 1) > 0 && !strncmp(path, "/memfd:", 7);

	/* A file that we could open for writing, had it not been running: the bits and the capability decide. */
	if (access("/proc/self/exe", W_OK) == 0)
		strcat(text, "|EXE_WRITABLE");
	truth_bool("proc.is_exe_writable", text[0]);
	if (statfs("/proc/self/exe", &fs) == 0 && fs.f_type == 0x794c7630) /* the tests' folder is in the upper layer */
		strcat(text, "|EXE_UPPER_LAYER");
	if (memfd)
		strcat(text, "|EXE_FROM_MEMFD");
	truth_bool("proc.is_exe_from_memfd", memfd);
	truth_text("evt.arg.flags", text[0] ? text + 1 : "0");
}

/* What both a new image and a failed call say of the process and of the image it has. */
static inline void truth_process(void)
{
	char cwd[PATH_MAX];
	int pgrp, tty;
	struct stat exe;

	truth_text("evt.category", "process");
	truth_text("fd.name", NULL);
	stat_fields(&pgrp, &tty);
	truth_comm("evt.arg.tid");
	truth_comm("evt.arg.pid");
	comm_of("evt.arg.ptid", getppid());
	need(getcwd(cwd, sizeof(cwd)) != NULL, "getcwd");
	truth_text("evt.arg.cwd", cwd);
	truth_textf("proc.cwd", "%s/", cwd);
	truth_usage();
	truth_comm("evt.arg.comm");
	truth_cgroups("evt.arg.cgroups", "\\.");
	truth_cgroups("thread.cgroups", " ");
	truth_session(pgrp, tty);
	truth_credentials();
	need(stat("/proc/self/exe", &exe) == 0, "stat /proc/self/exe");
	truth_textf("evt.arg.exe_ino", "%lu", (unsigned long)exe.st_ino);
	truth_number("proc.exe_ino", exe.st_ino);
	truth_time("evt.arg.exe_ino_ctime", exe.st_ctim);
	truth_time("evt.arg.exe_ino_mtime", exe.st_mtim);
	truth_text("evt.arg.trusted_exepath", truth_exe);
	truth_exe_flags();
}

/* The beginning of a new image's truth: everything but filename. argc, argv: as main() got them. */
static inline void truth_image(const char *type, int argc, char **argv, char **envp)
{
	char args[8192] = "", comm[17] = "";

	ssize_t n = readlink("/proc/self/exe", truth_exe, sizeof(truth_exe) - 1);
	truth_exe[n > 0 ? n : 0] = 0;
	if (!strncmp(truth_exe, "/memfd:", 7)) { /* it is in no folder: "memfd:name" */
		*strstr(truth_exe, " (deleted)") = 0;
		memmove(truth_exe, truth_exe + 1, strlen(truth_exe));
	}
#if defined(__x86_64__)
	/* set_personality_64bit() makes every program's start an execve before anyone is told of it */
	type = "execve";
#endif
	truth_begin(type, 0);
	truth_text("evt.arg.res", "0");
	truth_text("evt.arg.exe", argv[0]);
	truth_text("proc.exe", argv[0]);
	truth_strings("evt.arg.args", argv + 1);
	for (int i = 1; i < argc; i++) {
		strcat(args, i > 1 ? " " : "");
		strcat(args, argv[i]);
	}
	truth_text("proc.args", args);
	syscall(SYS_prctl, 16 /* PR_GET_NAME */, comm);
	truth_textf("proc.cmdline", "%s %s", comm, args);
	truth_number("proc.cmdnargs", argc - 1);
	truth_number("proc.nthreads", 1);
	truth_strings("evt.arg.env", envp);
	truth_process();
}

static inline void copy_self(int out)
{
	static char buf[1 << 16];
	int from = open("/proc/self/exe", O_RDONLY);
	ssize_t n;

	need(from >= 0 && out >= 0, "an image");
	while ((n = read(from, buf, sizeof(buf))) > 0)
		need(write(out, buf, n) == n, "an image");
	close(from);
}

static inline void make_image(const char *folder)
{
	need(realpath(folder, dir) && chdir(dir) == 0 && chmod(dir, 0755) == 0, "the folder");
	snprintf(image_path, sizeof(image_path), "%s/tk_image_with_a_long_name", dir);
	int out = open(image_path, O_CREAT | O_EXCL | O_WRONLY, 0755);
	copy_self(out);
	close(out);
}

static inline void in_child(void (*run)(void))
{
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (pid == 0) {
		run();
		_exit(1);
	}
	need(wait_for(pid) == 0, "an image");
}

/* Our own start: the test runs us by our path, with its environment. The images state exactly what is alike here. */
static inline void truth_own_start(char **argv, char **envp)
{
	static const char *const rest[] = {
		"tid", "pid", "ptid", "cwd", "tty", "vpgid", "loginuid", "flags", "cap_inheritable", "cap_permitted",
		"cap_effective", "exe_ino", "exe_ino_ctime", "exe_ino_mtime", "uid", "trusted_exepath", "pgid", "gid",
	};
	char key[64];

	truth_begin("execve", 0);
	truth_text("evt.arg.res", "0");
	truth_text("evt.arg.exe", argv[0]);
	truth_strings("evt.arg.args", argv + 1);
	truth_strings("evt.arg.env", envp);
	truth_text("evt.arg.filename", argv[0]);
	truth_comm("evt.arg.comm");
	truth_usage();
	truth_cgroups("evt.arg.cgroups", "\\.");
	for (size_t i = 0; i < ARRAY_SIZE(rest); i++) {
		snprintf(key, sizeof(key), "evt.arg.%s", rest[i]);
		truth_like(key, ".+");
	}
	truth_end();
}
