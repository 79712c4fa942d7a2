/* close: of all kinds of descriptors, and of numbers that are none. Argument: a folder of its own. */
#include "paths.h"
#include "sockets.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <linux/netlink.h>

/* proto: what follows the letter of a socket in evt.arg.fd; like: name is a regex */
struct kind {
	char typechar;
	const char *type, *proto, *name, *category;
	bool like;
};

static void truth_closed(long result, const struct kind *k)
{
	truth_call("close", result, k->category);
	truth_fs_path(result, NULL, NULL);
}

static void close_none(int fd)
{
	long result = result_of(syscall(SYS_close, fd));

	truth_closed(result, &(struct kind){.category = "unknown"});
	truth_fd_arg("evt.arg.fd", fd);
	truth_bad_fd();
	truth_end();
}

/* What is left to state is up to the caller. */
static void begin_close(int fd, const struct kind *k)
{
	struct stat st;

	need(fd >= 0 && fstat(fd, &st) == 0, k->type);
	long result = result_of(syscall(SYS_close, fd));

	truth_closed(result, k);
	if (k->like) {
		char pattern[256];
		snprintf(pattern, sizeof(pattern), "^%.200s$", k->name);
		truth_like("fd.name", pattern);
		snprintf(pattern, sizeof(pattern), "^<%c%s>%.200s$", k->typechar, k->proto, k->name);
		truth_like("evt.arg.fd", pattern);
	} else {
		truth_text("fd.name", k->name);
		truth_textf("evt.arg.fd", "<%c%s>%s", k->typechar, k->proto, k->name);
	}
	truth_number("fd.num", fd);
	truth_text("fd.type", k->type);
	truth_textf("fd.typechar", "%c", k->typechar);
	truth_stat(&st);
	truth_bool("fd.name_changed", false);
}

static void do_close(int fd, struct kind k)
{
	begin_close(fd, &k);
	truth_text("fd.cip", NULL);
	truth_text("fd.sport", NULL);
	truth_text("fd.is_server", NULL);
	truth_text("fd.l4proto", "<NA>");
	truth_end();
}

static void of_paths(void)
{
	int file = open("file", O_RDONLY), gone = open("gone", O_RDWR | O_CREAT, 0600);
	struct kind k = {'f', "file", "", in_dir("file"), "file", false};

	need(unlink("gone") == 0, "unlink");
	do_close(fcntl(file, F_DUPFD, 100), k);
	do_close(file, k);
	close_none(file); /* again */
	k.name = in_dir("gone");
	do_close(gone, k);
	do_close(open("file", O_PATH), (struct kind){'f', "file", "", in_dir("file"), "file", false});
	do_close(open("/dev/null", O_RDWR), (struct kind){'f', "file", "", "/dev/null", "file", false});
	do_close(open(dir, O_RDONLY | O_DIRECTORY), (struct kind){'d', "directory", "", dir, "file", false});
	do_close(open("/", O_RDONLY | O_DIRECTORY), (struct kind){'d', "directory", "", "/", "file", false});
}

static void of_nameless(void)
{
	int ends[2];
	sigset_t none;

	sigemptyset(&none);
	need(pipe(ends) == 0, "pipe");
	do_close(ends[0], (struct kind){'p', "pipe", "", "", "ipc", false});
	do_close(ends[1], (struct kind){'p', "pipe", "", "", "ipc", false});
	do_close(eventfd(0, 0), (struct kind){'e', "event", "", "", "ipc", false});
	do_close(signalfd(-1, &none, 0), (struct kind){'s', "signalfd", "", "", "ipc", false});
	do_close(inotify_init1(0), (struct kind){'i', "inotify", "", "", "ipc", false});
	do_close(epoll_create1(0), (struct kind){'l', "eventpoll", "", "", "unknown", false});
	do_close(timerfd_create(CLOCK_MONOTONIC, 0), (struct kind){'t', "timerfd", "", "", "unknown", false});
	do_close(memfd_create("tk memo", 0), (struct kind){'m', "memfd", "", "tk memo", "unknown", false});
	do_close(syscall(SYS_pidfd_open, getpid(), 0), (struct kind){'P', "pidfd", "", "", "unknown", false});
}

/* An IPv4 or IPv6 socket: its name is what getsockname() and getpeername() said. */
static void close_ip(int fd, const char *proto, bool is_server, bool has_peer)
{
	struct sockaddr_storage address = {};
	socklen_t len = sizeof(address);
	struct end local = local_end(fd), remote = {};
	char name[256];

	need(getsockname(fd, (void *)&address, &len) == 0, "getsockname");
	bool v6 = address.ss_family == AF_INET6;
	len = sizeof(address);
	if (has_peer) {
		need(getpeername(fd, (void *)&address, &len) == 0, "getpeername");
		end_of(&address, &remote);
	}
	struct end *client = is_server ? &remote : &local, *server = is_server ? &local : &remote;
	if (has_peer)
		snprintf(name, sizeof(name), "%s:%d->%s:%d", client->ip, client->port, server->ip, server->port);
	else
		snprintf(name, sizeof(name), "%s:%d", local.ip, local.port);
	struct kind k = {v6 ? '6' : '4', v6 ? "ipv6" : "ipv4", proto[0] == 't' ? "t" : "u", name, "net", false};
	begin_close(fd, &k);
	truth_text("fd.l4proto", proto);
	truth_bool("fd.is_server", is_server);
	truth_bool("fd.connected", has_peer);
	if (has_peer) {
		truth_ends(client->ip, client->port, server->ip, server->port);
	} else {
		truth_text("fd.sip", server->ip);
		truth_number("fd.sport", server->port);
	}
	truth_end();
}

static void of_sockets(void)
{
	struct sockaddr_in any4 = in4("127.0.0.1", 0);
	struct sockaddr_in6 any6 = in6("::1", 0);
	int server = listener(&any4, sizeof(any4), 8), server6 = listener(&any6, sizeof(any6), 8);
	int client = socket(AF_INET, SOCK_STREAM, 0), client6 = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in to4 = in4("127.0.0.1", local_end(server).port);
	struct sockaddr_in6 to6 = in6("::1", local_end(server6).port);
	struct sockaddr_un path = un("tk.sock");
	int unix_server = listener(&path, sizeof(path), 8), both[2];

	need(connect(client, (void *)&to4, sizeof(to4)) == 0 && connect(client6, (void *)&to6, sizeof(to6)) == 0 &&
	     socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0, "sockets");
	int accepted = accept(server, NULL, NULL);
	close_ip(accepted, "tcp", true, true);
	close_ip(client6, "tcp", false, true);
	close_ip(server, "tcp", true, false);
	close_ip(server6, "tcp", true, false);

	struct kind fresh = {'4', "ipv4", "t", "", "net", false};
	begin_close(socket(AF_INET, SOCK_STREAM, 0), &fresh);
	truth_text("fd.l4proto", "tcp");
	truth_text("fd.cip", NULL);
	truth_bool("fd.connected", false);
	truth_end();
	do_close(both[0], (struct kind){'u', "unix", "", "[0-9a-f]+->[0-9a-f]+ ?", "ipc", true});
	do_close(unix_server, (struct kind){'u', "unix", "", "tk.sock", "ipc", false});
	do_close(socket(AF_UNIX, SOCK_DGRAM, 0), (struct kind){'u', "unix", "", "", "ipc", false});
	do_close(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
		 (struct kind){'n', "netlink", "", "", "unknown", false});
}

int main(int argc, char **argv)
{
	enter_folder(argc, argv);
	need(mknod("file", S_IFREG | 0644, 0) == 0, "the folder's contents");
	truth_types("close", NULL);
	of_paths();
	of_nameless();
	of_sockets();
	close_none(NO_FD);
	close_none(-1);
	close_none(AT_FDCWD);
	return 0;
}
