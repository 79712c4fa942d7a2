/* socket, socketpair, listen, shutdown: families, flags, roles, and what cannot be. Argument: a folder of its own. */
#include "descriptors.h"

#include <linux/netlink.h>

enum { ABSENT_FD = 999 };

struct asked {
	int family, type, protocol;
	const char *family_text, *flags_text;
};

static void do_socket(const struct asked *a)
{
	long fd = result_of(syscall(SYS_socket, a->family, a->type, a->protocol));
	struct seen s = look(fd);

	truth_begin("socket", fd);
	truth_fd_arg("evt.arg.fd", fd, &s);
	truth_text("evt.arg.domain", a->family_text);
	truth_textf("evt.arg.type", "%d", a->type);
	truth_textf("evt.arg.proto", "%d", a->protocol);
	truth_text("evt.arg.flags", a->flags_text);
	truth_text("evt.category", "net");
	truth_bool("evt.is_io_read", false);
	truth_bool("evt.is_io_write", false);
	if (fd >= 0) {
		truth_seen(&s);
		truth_bool("fd.name_changed", false);
	} else {
		truth_text("fd.num", NULL);
	}
	truth_end();
	if (fd >= 0)
		close(fd);
}

static void sockets(void)
{
	do_socket(&(struct asked){AF_INET, SOCK_STREAM, 0, "AF_INET", "O_NONE"});
	do_socket(&(struct asked){AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP, "AF_INET", "O_NONBLOCK"});
	do_socket(&(struct asked){AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP, "AF_INET6",
				  "O_NONBLOCK|O_CLOEXEC"});
	do_socket(&(struct asked){AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0, "AF_INET6", "O_CLOEXEC"});
	do_socket(&(struct asked){AF_INET, SOCK_RAW, IPPROTO_ICMP, "AF_INET", "O_NONE"});
	do_socket(&(struct asked){AF_INET, SOCK_DGRAM, IPPROTO_ICMP, "AF_INET", "O_NONE"});
	do_socket(&(struct asked){AF_UNIX, SOCK_STREAM, 0, "AF_LOCAL|AF_UNIX", "O_NONE"});
	do_socket(&(struct asked){AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, "AF_LOCAL|AF_UNIX", "O_CLOEXEC"});
	do_socket(&(struct asked){AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, "AF_ROUTE|AF_NETLINK", "O_NONE"});
	/* protocols of other families that have the numbers of TCP and UDP */
	do_socket(&(struct asked){AF_NETLINK, SOCK_RAW, NETLINK_XFRM, "AF_ROUTE|AF_NETLINK", "O_NONE"});
	do_socket(&(struct asked){AF_PACKET, SOCK_DGRAM, 0, "AF_PACKET", "O_NONE"});
	do_socket(&(struct asked){AF_INET, SOCK_STREAM, IPPROTO_UDP, "AF_INET", "O_NONE"}); /* EPROTONOSUPPORT */
	do_socket(&(struct asked){AF_INET, 77, 0, "AF_INET", "O_NONE"});                   /* EINVAL */
	do_socket(&(struct asked){250, SOCK_STREAM, 0, "250", "O_NONE"});                  /* EAFNOSUPPORT */
}

static void do_socketpair(const struct asked *a)
{
	int fds[2] = {77, 78};
	long result = result_of(syscall(SYS_socketpair, a->family, a->type, a->protocol, fds));
	bool made = result == 0;
	struct seen s = look(made ? fds[0] : -1);

	truth_begin("socketpair", result);
	truth_errno_arg("evt.arg.res", result);
	truth_fd_arg("evt.arg.fd1", made ? fds[0] : -1, &s);
	truth_fd_arg("evt.arg.fd2", made ? fds[1] : -1, &s);
	truth_like("evt.arg.source", made ? "^[0-9A-F]{8,16}$" : "^0$"); /* addresses of the kernel's */
	truth_like("evt.arg.peer", made ? "^[0-9A-F]{8,16}$" : "^0$");
	truth_text("evt.arg.domain", a->family_text);
	truth_textf("evt.arg.type", "%d", a->type);
	truth_textf("evt.arg.proto", "%d", a->protocol);
	truth_text("evt.category", "IPC");
	truth_seen(&s);
	truth_end();
}

static void pairs(void)
{
	do_socketpair(&(struct asked){AF_UNIX, SOCK_STREAM, 0, "AF_LOCAL|AF_UNIX", NULL});
	do_socketpair(&(struct asked){AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, "AF_LOCAL|AF_UNIX", NULL});
	do_socketpair(&(struct asked){AF_INET, SOCK_STREAM, 0, "AF_INET", NULL}); /* EOPNOTSUPP */
	do_socketpair(&(struct asked){AF_UNIX, SOCK_STREAM, 9, "AF_LOCAL|AF_UNIX", NULL}); /* EPROTONOSUPPORT */
}

static void do_listen(int fd, int backlog, const char *path)
{
	long result = result_of(syscall(SYS_listen, fd, backlog));
	struct seen s = look_with(fd, NO_ROLE, NULL, path);

	truth_begin("listen", result);
	truth_errno_arg("evt.arg.res", result);
	truth_fd_arg("evt.arg.fd", fd, &s);
	truth_textf("evt.arg.backlog", "%d", backlog);
	truth_text("evt.category", "net");
	truth_seen(&s);
	truth_end();
}

static int bound(int type, const void *address, socklen_t len)
{
	int one = 1, fd = socket(((const struct sockaddr *)address)->sa_family, type, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	need(fd >= 0 && bind(fd, address, len) == 0, "bind");
	return fd;
}

/* Binding to a given port makes a server; so a free one is looked for first. */
static int free_port(void)
{
	struct sockaddr_in any = in4("127.0.0.1", 0);
	int fd = bound(SOCK_STREAM, &any, sizeof(any)), port = local_end(fd).port;

	close(fd);
	return port;
}

/* What the statements are about; made by the parent, which states nothing. */
static struct {
	int v4, v6, path, udp, nameless_unix, idle, directory, tcp[2], pair[2];
} made;

static void prepare(void)
{
	struct sockaddr_in v4 = in4("127.0.0.1", free_port()), udp = in4("127.0.0.1", 0);
	struct sockaddr_in6 v6 = in6("::1", free_port());
	struct sockaddr_un path = un("tk.listen");

	made.v4 = bound(SOCK_STREAM, &v4, sizeof(v4));
	made.v6 = bound(SOCK_STREAM, &v6, sizeof(v6));
	made.path = bound(SOCK_STREAM, &path, sizeof(path));
	made.udp = bound(SOCK_DGRAM, &udp, sizeof(udp));
	made.nameless_unix = socket(AF_UNIX, SOCK_STREAM, 0);
	made.idle = socket(AF_INET, SOCK_STREAM, 0);
	made.directory = open(".", O_RDONLY | O_DIRECTORY);
	tcp_pair(made.tcp);
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, made.pair) == 0, "socketpair");
}

static void listens(void)
{
	do_listen(made.v4, 5, NULL);
	do_listen(made.v6, -1, NULL);
	do_listen(made.path, 128, "tk.listen");
	do_listen(made.udp, 5, NULL);           /* EOPNOTSUPP */
	do_listen(made.nameless_unix, 5, NULL); /* EINVAL */
	do_listen(made.directory, 5, NULL);     /* ENOTSOCK */
	do_listen(ABSENT_FD, 5, NULL);
	do_listen(-1, 5, NULL);
}

static void do_shutdown(int fd, int how, const char *how_text, enum role role)
{
	struct seen s = look_with(fd, role, NULL, NULL); /* afterwards it may have no peer */
	long result = result_of(syscall(SYS_shutdown, fd, how));

	truth_begin("shutdown", result);
	truth_errno_arg("evt.arg.res", result);
	truth_fd_arg("evt.arg.fd", fd, &s);
	truth_text("evt.arg.how", how_text);
	truth_text("evt.category", "net");
	if (s.num < 0) {
		truth_seen(&s);
	} else {
		truth_number("fd.num", fd);
		truth_textf("fd.typechar", "%c", s.kind[0]);
		truth_number("fd.ino", s.st.st_ino);
		if (role != NO_ROLE) {
			truth_text("fd.name", s.name);
			truth_bool("fd.is_server", role == SERVER);
			truth_ends(s.client.ip, s.client.port, s.server.ip, s.server.port);
		}
	}
	truth_end();
}

static void shutdowns(void)
{
	do_shutdown(made.tcp[0], SHUT_RD, "SHUT_RD", CLIENT);
	do_shutdown(made.tcp[0], SHUT_WR, "SHUT_WR", CLIENT);
	do_shutdown(made.tcp[1], SHUT_RDWR, "SHUT_RDWR", SERVER);
	do_shutdown(made.pair[0], SHUT_WR, "SHUT_WR", NO_ROLE);
	do_shutdown(made.pair[0], 5, "5", NO_ROLE);          /* EINVAL */
	do_shutdown(made.idle, SHUT_RDWR, "SHUT_RDWR", NO_ROLE); /* ENOTCONN */
	do_shutdown(ABSENT_FD, SHUT_RD, "SHUT_RD", NO_ROLE);
	do_shutdown(-1, SHUT_RDWR, "SHUT_RDWR", NO_ROLE);
}

static void state(void)
{
	sockets();
	pairs();
	listens();
	shutdowns();
}

int main(int argc, char **argv)
{
	need(argc == 2 && chdir(argv[1]) == 0, "the folder");
	prepare();
	truth_types("socket", "socketpair", "listen", "shutdown", NULL);
	return state_in_child(state);
}
