/* Calls by the 32-bit entry, int 0x80, from a 64-bit program, on files and a socket. Argument: a folder of its own.
 * System-call tracepoints do not see them: asked for by name (test_events.py --only), where a way to attach does. */
#include "int80.h"
#include "openings.h"
#include "paths.h"
#include "sockets.h"

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

/* by_number: connect's own; else socketcall's third. */
static void do_connect(const struct sockaddr_in *address, bool by_number)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	unsigned int args[3] = {fd, low(address, sizeof(*address)), sizeof(*address)};
	long result = by_number ? int80(I386_connect, args[0], args[1], args[2], 0) : int80(I386_socketcall, 3, low(args, sizeof(args)), 0, 0);
	struct end local = local_end(fd), remote;

	end_of(address, &remote);
	truth_begin("connect", result);
	truth_errno_arg("evt.arg.res", result);
	truth_textf("evt.arg.tuple", "%s:%d->%s:%d", local.ip, local.port, remote.ip, remote.port);
	truth_textf("evt.arg.fd", "<4t>%s:%d->%s:%d", local.ip, local.port, remote.ip, remote.port);
	truth_textf("evt.arg.addr", "%s:%d", remote.ip, remote.port);
	truth_textf("fd.name", "%s:%d->%s:%d", local.ip, local.port, remote.ip, remote.port);
	truth_number("fd.num", fd);
	truth_number("fd.sport", remote.port);
	truth_end();
	close(fd);
}

static void connects(void)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);

	need(getsockname(server, (void *)&address, &size) == 0, "getsockname");
	do_connect(&address, true);
	do_connect(&address, false);
	need(shutdown(server, SHUT_RDWR) == 0, "shutdown");
	do_connect(&address, true); /* refused */
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
	struct sockaddr_in any = in4("127.0.0.1", 0);

	put_file("file", "text");
	here = open(dir, O_RDONLY | O_DIRECTORY);
	server = socket(AF_INET, SOCK_STREAM, 0);
	need(here >= 0 && bind(server, (void *)&any, sizeof(any)) == 0 && listen(server, 8) == 0, "a server");
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
