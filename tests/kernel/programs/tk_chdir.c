/* chdir and fchdir: there, relative, through a descriptor, and to what is not there. Argument: a folder of its own. */
#include "truth.h"

static void state(const char *type, long result)
{
	char cwd[PATH_MAX];

	truth_begin(type, result);
	truth_errno_arg("evt.arg.res", result);
	need(getcwd(cwd, sizeof(cwd) - 1) != NULL, "getcwd");
	if (strcmp(cwd, "/"))
		strcat(cwd, "/");
	truth_text("proc.cwd", cwd);
}

static void do_chdir(const char *path, const char *absolute)
{
	long result = result_of(syscall(SYS_chdir, path));

	state("chdir", result);
	truth_text("evt.arg.path", absolute);
	truth_end();
}

static void do_fchdir(int fd)
{
	long result = result_of(syscall(SYS_fchdir, fd));

	state("fchdir", result);
	truth_like("evt.arg.fd", ".+");
	truth_end();
}

int main(int argc, char **argv)
{
	char sub[PATH_MAX + 8], absent[PATH_MAX + 16], dir[PATH_MAX];

	need(argc == 2 && realpath(argv[1], dir), "the folder");
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(absent, sizeof(absent), "%s/absent", sub);
	need(mkdir(sub, 0755) == 0, "mkdir");
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	need(fd >= 0, "open");
	truth_types("chdir", "fchdir", NULL);
	do_chdir(sub, sub);
	do_chdir("absent", absent);
	do_fchdir(fd);
	do_fchdir(-1);
	do_chdir("sub", sub);
	do_chdir("/", "/");
	return 0;
}
