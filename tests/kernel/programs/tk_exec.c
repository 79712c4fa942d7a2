/*
 * execve and execveat. Argument: a folder of its own, in which the program makes the images that it then runs: copies
 * of itself, which state what they see of themselves (/proc/self).
 * An image's first argument is the path that its caller gave; its second the type of the call.
 */
#include "truth.h"

#include <pthread.h>
#include <sys/statfs.h>
#include <time.h>

static char dir[PATH_MAX];

static void read_file(const char *path, char *to, size_t size)
{
	int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, to, size - 1);

	to[n > 0 ? n : 0] = 0;
	close(fd);
}

static unsigned long long status_field(const char *name, int base)
{
	char status[1 << 14];

	read_file("/proc/self/status", status, sizeof(status));
	const char *at = strstr(status, name);
	return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

/* Fields of /proc/self/stat after the name: state ppid pgrp session tty_nr. */
static void stat_fields(int *pgrp, int *tty)
{
	char stat[4096], state;
	int ppid, session;

	read_file("/proc/self/stat", stat, sizeof(stat));
	need(sscanf(strrchr(stat, ')') + 1, " %c %d %d %d %d", &state, &ppid, pgrp, &session, tty) == 5, "/proc/self/stat");
}

static void comm_of(const char *key, int pid)
{
	char path[64], comm[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	read_file(path, comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	if (comm[0])
		truth_text(key, comm);
	else
		truth_textf(key, "%d", pid);
}

static void truth_time(const char *key, struct timespec t)
{
	char day[64], zone[16];
	struct tm tm;

	localtime_r(&t.tv_sec, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	truth_textf(key, "%s.%09ld %s", day, t.tv_nsec, zone);
}

/* NUL-separated strings are shown with a dot for each NUL (falco-rules.md, 5.2). */
static void truth_strings(const char *key, char **strings)
{
	char text[8192] = "";

	for (; *strings; strings++) {
		strcat(text, *strings);
		strcat(text, ".");
	}
	truth_text(key, text);
}

/* What both a new image and a failed call say of the process and of the image it has. */
static void truth_process(void)
{
	char cwd[PATH_MAX], loginuid[32];
	int pgrp, tty;
	struct stat exe;

	stat_fields(&pgrp, &tty);
	truth_comm("evt.arg.tid");
	truth_comm("evt.arg.pid");
	comm_of("evt.arg.ptid", getppid());
	need(getcwd(cwd, sizeof(cwd)) != NULL, "getcwd");
	truth_text("evt.arg.cwd", cwd);
	truth_textf("proc.cwd", "%s/", cwd);
	truth_comm("evt.arg.comm");
	truth_textf("evt.arg.tty", "%d", tty);
	truth_number("proc.tty", tty);
	comm_of("evt.arg.vpgid", pgrp);
	comm_of("evt.arg.pgid", pgrp);
	truth_number("proc.pgid", pgrp);
	truth_number("proc.vpgid", pgrp);
	truth_number("proc.sid", getsid(0));
	truth_number("proc.vpid", getpid());
	read_file("/proc/self/loginuid", loginuid, sizeof(loginuid));
	unsigned int login = strtoul(loginuid, NULL, 10);
	if (!loginuid[0] || login == -1u)
		truth_text("evt.arg.loginuid", "<NONE>");
	else
		truth_user("evt.arg.loginuid", login);
	truth_textf("evt.arg.cap_inheritable", "%llX", status_field("CapInh:", 16));
	truth_textf("evt.arg.cap_permitted", "%llX", status_field("CapPrm:", 16));
	truth_textf("evt.arg.cap_effective", "%llX", status_field("CapEff:", 16));
	need(stat("/proc/self/exe", &exe) == 0, "stat /proc/self/exe");
	truth_textf("evt.arg.exe_ino", "%lu", (unsigned long)exe.st_ino);
	truth_number("proc.exe_ino", exe.st_ino);
	truth_time("evt.arg.exe_ino_ctime", exe.st_ctim);
	truth_time("evt.arg.exe_ino_mtime", exe.st_mtim);
	truth_user("evt.arg.uid", geteuid());
	truth_group("evt.arg.gid", getegid());
	truth_text("evt.arg.trusted_exepath", truth_exe);
}

static void truth_exe_flags(void)
{
	struct statfs fs;
	char text[128] = "";

	/* A file that we could open for writing, had it not been running: the bits and the capability decide. */
	if (access("/proc/self/exe", W_OK) == 0)
		strcat(text, "EXE_WRITABLE");
	if (statfs("/proc/self/exe", &fs) == 0 && fs.f_type == 0x794c7630) /* the tests' folder is in the upper layer */
		strcat(text, "|EXE_UPPER_LAYER");
	truth_bool("proc.is_exe_writable", text[0] == 'E');
	truth_text("evt.arg.flags", text[0] ? text : "0");
}

static int image(int argc, char **argv, char **envp)
{
	const char *filename = argv[1], *type = argv[2];
	char args[8192] = "";

	bool at = !strcmp(type, "execveat");
#if defined(__x86_64__)
	/* set_personality_64bit() makes every program's start an execve before anyone is told of it */
	truth_begin("execve", 0);
#else
	truth_begin(type, 0);
#endif
	truth_text("evt.arg.res", "0");
	truth_text("evt.arg.exe", argv[0]);
	truth_text("proc.exe", argv[0]);
	truth_strings("evt.arg.args", argv + 1);
	for (int i = 1; i < argc; i++) {
		strcat(args, i > 1 ? " " : "");
		strcat(args, argv[i]);
	}
	truth_text("proc.args", args);
	truth_number("proc.cmdnargs", argc - 1);
	truth_strings("evt.arg.env", envp);
	truth_process();
	truth_exe_flags();
	if (!at)
		truth_text("evt.arg.filename", filename);
#if defined(__x86_64__)
	else
		truth_like("evt.arg.filename", "/dev/fd/[0-9]+/tk_image_with_a_long_name");
#endif
	truth_end();
	return 0;
}

static void copy_self(const char *to)
{
	static char buf[1 << 16];
	int from = open("/proc/self/exe", O_RDONLY), out = open(to, O_CREAT | O_EXCL | O_WRONLY, 0755);
	ssize_t n;

	need(from >= 0 && out >= 0, to);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		need(write(out, buf, n) == n, to);
	close(from);
	close(out);
}

static char *env[] = {"TK_MARK=yes", NULL};
static char image_path[PATH_MAX + 64];

/* Failed calls: arguments are the call's, everything else is still the old image's. */
static void failed(const char *type, long result, const char *filename, char **argv)
{
	truth_begin(type, result);
	truth_text("evt.arg.res", strerrorname_np(-result));
	truth_text("evt.arg.exe", argv[0]);
	truth_strings("evt.arg.args", argv + 1);
	truth_like("evt.arg.env", ".*"); /* the call's environment: its place is not stated */
	truth_process();
	truth_exe_flags();
	if (!strcmp(type, "execve"))
		truth_text("evt.arg.filename", filename);
	truth_end();
}

static void *exec_from_a_thread(void *unused)
{
	char *argv[] = {"in-thread", image_path, "execve", NULL};

	syscall(SYS_execve, image_path, argv, env);
	_exit(1);
	return unused;
}

static void in_child(void (*run)(void))
{
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (pid == 0) {
		run();
		_exit(1);
	}
	need(wait_for(pid) == 0, "an image");
}

static void plain(void)
{
	char *argv[] = {"argv zero", image_path, "execve", "two words", "", "last", NULL};
	syscall(SYS_execve, image_path, argv, env);
}

static void from_thread(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, exec_from_a_thread, NULL);
	pthread_join(thread, NULL);
}

static void as_session_leader(void)
{
	char *argv[] = {image_path, image_path, "execve", NULL};
	setsid();
	need(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
	syscall(SYS_execve, image_path, argv, env);
}

static void execveat_relative(void)
{
	char *argv[] = {"tk_at", "-", "execveat", "x", NULL};
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	syscall(SYS_execveat, fd, "tk_image_with_a_long_name", argv, env, 0);
}

int main(int argc, char **argv, char **envp)
{
	if (argc >= 3)
		return image(argc, argv, envp);
	need(argc == 2 && realpath(argv[1], dir) && chdir(dir) == 0 && chmod(dir, 0755) == 0, "the folder");
	truth_types("execve", "execveat", NULL);

	/* our own start: the test runs us by our path, with this environment */
	truth_begin("execve", 0);
	truth_text("evt.arg.res", "0");
	truth_text("evt.arg.exe", argv[0]);
	truth_strings("evt.arg.args", argv + 1);
	truth_strings("evt.arg.env", envp);
	truth_text("evt.arg.filename", argv[0]);
	truth_comm("evt.arg.comm");
	static const char *const rest[] = {"tid", "pid", "ptid", "cwd", "tty", "vpgid", "loginuid", "flags", "cap_inheritable",
					   "cap_permitted", "cap_effective", "exe_ino", "exe_ino_ctime", "exe_ino_mtime",
					   "uid", "trusted_exepath", "pgid", "gid"};
	for (size_t i = 0; i < ARRAY_SIZE(rest); i++) {
		char key[64];
		snprintf(key, sizeof(key), "evt.arg.%s", rest[i]);
		truth_like(key, ".+"); /* the images below state them exactly */
	}
	truth_end();

	snprintf(image_path, sizeof(image_path), "%s/tk_image_with_a_long_name", dir);
	copy_self("tk_image_with_a_long_name");
	in_child(plain);
	in_child(from_thread);
	in_child(as_session_leader);
	in_child(execveat_relative);

	char *none[] = {"nothing", "-x", NULL};
	long result = result_of(syscall(SYS_execve, "/absent/program", none, env));
	failed("execve", result, "/absent/program", none);
	need(close(open("plain", O_CREAT | O_WRONLY, 0644)) == 0, "a plain file");
	char plain_path[PATH_MAX + 16];
	snprintf(plain_path, sizeof(plain_path), "%s/plain", dir);
	result = result_of(syscall(SYS_execve, "plain", none, env));
	failed("execve", result, plain_path, none);
	result = result_of(syscall(SYS_execveat, AT_FDCWD, "absent", none, env, 0));
	failed("execveat", result, "absent", none);
	return 0;
}
