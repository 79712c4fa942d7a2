/* Calls by the 32-bit entry, int 0x80, from a 64-bit program, on files and a socket. Argument: a folder of its own.
 * System-call tracepoints do not see them: asked for by name (test_events.py --only), where a way to attach does. */
#include "connect32.h"
#include "openings.h"
#include "paths.h"

#if defined(__x86_64__)
static int here, server;

static void opened(const char *type, long fd, struct place p, const char *flags)
{
	struct opening o = {.name = p.raw, .lexical = p.shown, .real = p.shown, .flags = flags, .type = "file"};

	truth_open(type, fd, &o);
	if (!strcmp(type, "openat"))
		truth_fd_arg("evt.arg.dirfd", p.dirfd);
	truth_end();
	if (fd >= 0)
		close(fd);
}

static void one_path(const char *type, long result, struct place p)
{
	truth_call(type, result, "file");
	truth_path_arg("evt.arg.path", &p);
	truth_fs_path(result, p.shown, p.raw);
}

static void do_mkdir(struct place p)
{
	one_path("mkdir", int80(I386_mkdir, low_text(p.raw), 0750, 0, 0), p);
	truth_textf("evt.arg.mode", "%X", 0750);
	truth_end();
}

static void do_rename(struct place from, struct place to)
{
	long result = int80(I386_rename, low_text(from.raw), low_text(to.raw), 0, 0);

	truth_call("rename", result, "file");
	truth_path_arg("evt.arg.oldpath", &from);
	truth_path_arg("evt.arg.newpath", &to);
	truth_fs_two(result, &from, &to);
	truth_end();
}

static void do_unlinkat(struct place p)
{
	long result = int80(I386_unlinkat, p.dirfd, low_text(p.raw), 0, 0);

	truth_call("unlinkat", result, "file");
	truth_fd_arg("evt.arg.dirfd", p.dirfd);
	truth_path_arg("evt.arg.name", &p);
	truth_fs_path(result, p.shown, p.raw);
	truth_text("evt.arg.flags", "0");
	truth_end();
}

static long by_number(int fd, const struct sockaddr_in *address)
{
	return int80(I386_connect, fd, low(address, sizeof(*address)), sizeof(*address), 0);
}

static void connects(void)
{
	struct sockaddr_in address = server_address(server);

	do_connect(&address, by_number);
	need(shutdown(server, SHUT_RDWR) == 0, "shutdown");
	do_connect(&address, by_number); /* refused */
}

static void files(void)
{
	struct place file = CWD("file", in_dir("file"));

	/* a 32-bit call means large files only where it says so */
	opened("open", int80(I386_open, low_text("file"), O_RDONLY, 0, 0), file, "O_RDONLY");
	opened("open", int80(I386_open, low_text("absent"), O_RDWR, 0, 0), CWD("absent", in_dir("absent")), "O_RDWR");
	opened("openat", int80(I386_openat, AT_FDCWD, low_text("file"), O_WRONLY, 0), file, "O_WRONLY");
	do_mkdir(CWD("made", in_dir("made")));
	do_mkdir(CWD("made", in_dir("made")));
	one_path("rmdir", int80(I386_rmdir, low_text("made"), 0, 0, 0), CWD("made", in_dir("made")));
	truth_end();
	do_rename(file, CWD("moved", in_dir("moved")));
	do_rename(file, CWD("moved", in_dir("moved")));
	do_unlinkat(AT(here, "moved", in_dir("moved")));
	one_path("unlink", int80(I386_unlink, low_text("moved"), 0, 0, 0), CWD("moved", in_dir("moved")));
	truth_end();
}

/* What is opened here needs no statement: it is the parent's. */
static void prepare(void)
{
	put_file("file", "text");
	here = open(dir, O_RDONLY | O_DIRECTORY);
	need(here >= 0, dir);
	server = a_server();
}
#endif

int main(int argc, char **argv)
{
	enter_folder(argc, argv);
#if defined(__x86_64__)
	truth_types("open", "openat", "mkdir", "rmdir", "rename", "unlink", "unlinkat", "connect", NULL);
	if (!int80_works())
		return 0;
	prepare();
	pid_t pid = fork();
	need(pid >= 0, "fork");
	if (pid == 0) {
		files();
		connects();
		_exit(0);
	}
	need(wait_for(pid) == 0, "the child");
#endif
	return 0;
}
