/* execve and execveat. Argument: a folder of its own.
 *
 * There it makes an image, a copy of itself, and runs it in several ways; see image.h. What standard descriptors, scripts
 * and memfds say is in tk_stdio.c.
 */
#include "image.h"

#include <pthread.h>

static int image(int argc, char **argv, char **envp)
{
	const char *filename = argv[1], *type = argv[2];

	truth_image(type, argc, argv, envp);
	truth_text("proc.script", NULL);
	if (strcmp(type, "execveat"))
		truth_text("evt.arg.filename", filename);
#if defined(__x86_64__)
	else
		truth_like("evt.arg.filename", "^/dev/fd/[0-9]+/tk_image_with_a_long_name$");
#endif
	truth_end();
	return 0;
}

/* Failed calls: arguments are the call's, everything else is still the old image's. */
static void failed(const char *type, long result, const char *filename, char **argv)
{
	truth_begin(type, result);
	truth_text("evt.arg.res", strerrorname_np(-result));
	truth_text("evt.arg.exe", argv[0]);
	truth_strings("evt.arg.args", argv + 1);
	truth_like("evt.arg.env", ".*"); /* the call's environment: its place is not stated */
	truth_process();
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

static void with_fewer_descriptors(void)
{
	char *argv[] = {"tk_few", image_path, "execve", NULL};
	struct rlimit few = {99, 100};
	need(setrlimit(RLIMIT_NOFILE, &few) == 0, "setrlimit");
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
	char plain_path[PATH_MAX + 16];

	if (argc >= 3)
		return image(argc, argv, envp);
	need(argc == 2, "the folder");
	truth_types("execve", "execveat", NULL);
	truth_own_start(argv, envp);
	make_image(argv[1]);
	in_child(plain);
	in_child(from_thread);
	in_child(as_session_leader);
	in_child(with_fewer_descriptors);
	in_child(execveat_relative);

	char *none[] = {"nothing", "-x", NULL};
	long result = result_of(syscall(SYS_execve, "/absent/program", none, env));
	failed("execve", result, "/absent/program", none);
	need(close(open("plain", O_CREAT | O_WRONLY, 0644)) == 0, "a plain file");
	snprintf(plain_path, sizeof(plain_path), "%s/plain", dir);
	result = result_of(syscall(SYS_execve, "plain", none, env));
	failed("execve", result, plain_path, none);
	result = result_of(syscall(SYS_execveat, AT_FDCWD, "absent", none, env, 0));
	failed("execveat", result, "absent", none);
	return 0;
}
