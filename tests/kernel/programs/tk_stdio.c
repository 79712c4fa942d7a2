/* What a program is started with: standard descriptors, scripts, memfds. Argument: a folder of its own.
 *
 * Each child gives itself three descriptors and runs an image (image.h), which states what it finds there. Its third
 * argument says of each, in a letter, what the image cannot know: s of a socket that was accepted. Truths go to REPORT.
 */
#include "image.h"
#include "sockets.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

#define REPORT 200

static const char *const names[] = {"stdin", "stdout", "stderr"};

static void truth_std(int n, const char *type, const char *name)
{
	char key[64];

	snprintf(key, sizeof(key), "proc.%s.type", names[n]);
	truth_text(key, type);
	snprintf(key, sizeof(key), "proc.%s.name", names[n]);
	truth_text(key, name);
}

static void truth_std_unix(int n, const struct sockaddr_un *own, socklen_t len)
{
	struct sockaddr_un other = {};
	socklen_t other_len = sizeof(other);
	char text[512], key[64];

	bool connected = getpeername(n, (void *)&other, &other_len) == 0;
	const char *path = len > sizeof(sa_family_t) ? own->sun_path : other_len > sizeof(sa_family_t) ? other.sun_path : "";
	snprintf(key, sizeof(key), "proc.%s.type", names[n]);
	truth_text(key, "unix");
	snprintf(key, sizeof(key), "proc.%s.name", names[n]);
	snprintf(text, sizeof(text), "^[0-9a-f]+->[0-9a-f]+%s%s$", path[0] ? " " : "", path);
	if (connected)
		truth_like(key, text);
	else
		truth_text(key, path);
}

/* As fd.name of the socket (falco-rules.md, 4.3). */
static void truth_std_socket(int n, char letter)
{
	struct sockaddr_storage own = {}, other = {};
	socklen_t len = sizeof(own), other_len = sizeof(other);
	struct end local = {}, remote = {};
	char text[512];

	need(getsockname(n, (void *)&own, &len) == 0, "getsockname");
	if (own.ss_family == AF_UNIX) {
		truth_std_unix(n, (void *)&own, len);
		return;
	}
	end_of(&own, &local);
	snprintf(text, sizeof(text), "%s:%d", local.ip, local.port);
	if (getpeername(n, (void *)&other, &other_len) == 0) {
		end_of(&other, &remote);
		const struct end *client = letter == 's' ? &remote : &local, *server = letter == 's' ? &local : &remote;
		snprintf(text, sizeof(text), "%s:%d->%s:%d", client->ip, client->port, server->ip, server->port);
	}
	truth_std(n, strchr(local.ip, ':') ? "ipv6" : "ipv4", text);
}

static void truth_stdio(int n, char letter)
{
	char link[64], path[PATH_MAX] = "";
	struct stat st;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", n);
	if (fstat(n, &st) != 0) {
		truth_std(n, NULL, NULL);
		return;
	}
	need(readlink(link, path, sizeof(path) - 1) > 0, link);
	if (!strncmp(path, "/memfd:", 7)) {
		*strstr(path, " (deleted)") = 0;
		truth_std(n, "memfd", path + 7);
	} else if (!strcmp(path, "anon_inode:[eventfd]")) {
		truth_std(n, "event", "");
	} else if (S_ISSOCK(st.st_mode)) {
		truth_std_socket(n, letter);
	} else if (S_ISFIFO(st.st_mode)) {
		truth_std(n, "pipe", "");
	} else {
		truth_std(n, S_ISDIR(st.st_mode) ? "directory" : "file", path);
	}
}

/* argv[1]: "script" if the kernel put the interpreter's own argument there, and the script comes after it. */
static int image(int argc, char **argv, char **envp)
{
	bool script = !strcmp(argv[1], "script"), by_path = argv[1][0] == '/' || script;
	const char *letters = argv[3];

	truth_image(by_path ? "execve" : "execveat", argc, argv, envp);
	truth_text("proc.script", script ? argv[2] : NULL);
	if (by_path)
		truth_text("evt.arg.filename", script ? argv[2] : argv[1]);
#if defined(__x86_64__)
	else
		truth_like("evt.arg.filename", "^/dev/fd/[0-9]+/tk_memory$");
#endif
	for (int n = 0; n < 3; n++)
		truth_stdio(n, letters[n]);
	need(dup2(REPORT, 1) == 1, "dup2");
	truth_end();
	return 0;
}

/* The descriptors become 0, 1 and 2; -1: closed. */
static void run_with(int in, int out, int err, const char *letters)
{
	char *argv[] = {"tk_std", image_path, "execve", (char *)letters, NULL};
	int given[] = {in, out, err}, held[3];

	for (int n = 0; n < 3; n++)
		held[n] = given[n] < 0 ? -1 : fcntl(given[n], F_DUPFD_CLOEXEC, 100);
	for (int n = 0; n < 3; n++) {
		close(n);
		if (held[n] >= 0)
			need(dup2(held[n], n) == n, "dup2");
	}
	syscall(SYS_execve, image_path, argv, env);
}

static void files(void)
{
	run_with(open(image_path, O_RDONLY), open("out", O_CREAT | O_WRONLY, 0644), open("/dev/null", O_RDWR), "---");
}

static void pipes(void)
{
	int ends[2];
	need(pipe(ends) == 0, "pipe");
	run_with(ends[0], ends[1], -1, "---");
}

static void closed(void)
{
	run_with(-1, -1, -1, "---");
}

static void tcp(void)
{
	struct sockaddr_in any = in4("127.0.0.1", 0);
	int server = listener(&any, sizeof(any), 2);
	struct sockaddr_in at = in4("127.0.0.1", local_end(server).port);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	need(connect(client, (void *)&at, sizeof(at)) == 0, "connect");
	run_with(client, accept(server, NULL, NULL), server, "-s-");
}

static void tcp6(void)
{
	struct sockaddr_in6 any = in6("::1", 0);
	int server = listener(&any, sizeof(any), 2);
	struct sockaddr_in6 at = in6("::1", local_end(server).port);
	int client = socket(AF_INET6, SOCK_STREAM, 0);
	need(connect(client, (void *)&at, sizeof(at)) == 0, "connect");
	int accepted = accept(server, NULL, NULL);
	run_with(accepted, accepted, client, "ss-");
}

static void unix_sockets(void)
{
	struct sockaddr_un path = un("tk.sock");
	int server = listener(&path, sizeof(path), 2), client = socket(AF_UNIX, SOCK_STREAM, 0), both[2];
	need(connect(client, (void *)&path, sizeof(path)) == 0, "connect");
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0, "socketpair");
	run_with(client, accept(server, NULL, NULL), both[0], "-s-");
}

static void others(void)
{
	run_with(memfd_create("tk std", 0), eventfd(0, 0), open(dir, O_RDONLY | O_DIRECTORY), "---");
}

static void script(void)
{
	char *argv[] = {"unseen", "---", NULL}, path[PATH_MAX + 16];
	snprintf(path, sizeof(path), "%s/tk_script", dir);
	int fd = open(path, O_CREAT | O_WRONLY, 0755);
	need(dprintf(fd, "#! %s script\n", image_path) > 0 && close(fd) == 0, "a script");
	syscall(SYS_execve, path, argv, env);
}

/* Through a link, so that the process has a name for which the test's rule looks. */
static void memfd(void)
{
	char *argv[] = {"tk_mem", "-", "execveat", "---", NULL}, link[64];
	int fd = memfd_create("tk_image", 0), at = open(dir, O_RDONLY | O_DIRECTORY);
	copy_self(fd);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fcntl(fd, F_DUPFD, 50));
	need(symlink(link, "tk_memory") == 0, "symlink");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	int reopened = open(link, O_RDONLY); /* what is open for writing cannot be run */
	need(reopened >= 0 && close(fd) == 0 && dup2(reopened, 50) == 50, "a memfd");
	syscall(SYS_execveat, at, "tk_memory", argv, env, 0);
}

int main(int argc, char **argv, char **envp)
{
	if (argc >= 4)
		return image(argc, argv, envp);
	need(argc == 2 && dup2(1, REPORT) == REPORT, "the folder");
	truth_types("execve", "execveat", NULL);
	truth_own_start(argv, envp);
	make_image(argv[1]);
	in_child(files);
	in_child(pipes);
	in_child(closed);
	in_child(tcp);
	in_child(tcp6);
	in_child(unix_sockets);
	in_child(others);
	in_child(script);
	in_child(memfd);
	return 0;
}
