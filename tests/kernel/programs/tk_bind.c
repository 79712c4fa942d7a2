/* bind: IPv4 with and without a port, IPv6, UDP, unix, in use, not ours. Argument: a folder of its own. */
#include "sockets.h"

static int to_ip(const char *kind, int type, const void *address, socklen_t len)
{
	int fd = socket(((const struct sockaddr *)address)->sa_family, type, 0);
	long result = result_of(syscall(SYS_bind, fd, address, len));
	struct end local = local_end(fd), asked;

	end_of(address, &asked);
	if (result < 0) /* it has no name: the one that it was refused is shown */
		local = asked;
	truth_begin("bind", result);
	truth_errno_arg("evt.arg.res", result);
	truth_textf("evt.arg.addr", "%s:%d", asked.ip, asked.port);
	truth_textf("evt.arg.fd", "<%s>%s:%d", kind, local.ip, local.port);
	truth_textf("fd.name", "%s:%d", local.ip, local.port);
	truth_textf("fd.typechar", "%c", kind[0]);
	truth_text("fd.l4proto", kind[1] == 't' ? "tcp" : "udp");
	truth_number("fd.num", fd);
	truth_end();
	return local.port;
}

static void to_unix(const char *path, bool good)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un address = un(path);
	long result = result_of(syscall(SYS_bind, fd, &address, sizeof(address)));

	need((result == 0) == good, "bind a unix socket");
	truth_begin("bind", result);
	truth_errno_arg("evt.arg.res", result);
	truth_text("evt.arg.addr", path);
	truth_textf("evt.arg.fd", "<u>%s", path);
	truth_text("fd.name", path);
	truth_text("fd.typechar", "u");
	truth_number("fd.num", fd);
	truth_end();
}

int main(int argc, char **argv)
{
	need(argc == 2 && chdir(argv[1]) == 0, "the folder");
	truth_types("bind", NULL);

	struct sockaddr_in v4 = in4("127.0.0.1", 0);
	struct sockaddr_in6 v6 = in6("::1", 0);
	struct sockaddr_in foreign = in4("192.0.2.1", 4321);
	int port = to_ip("4t", SOCK_STREAM, &v4, sizeof(v4));
	v4.sin_port = htons(port);
	to_ip("4t", SOCK_STREAM, &v4, sizeof(v4)); /* in use */
	to_ip("4u", SOCK_DGRAM, &v4, sizeof(v4));  /* another protocol's ports */
	to_ip("6t", SOCK_STREAM, &v6, sizeof(v6));
	to_ip("4t", SOCK_STREAM, &foreign, sizeof(foreign));
	char path[64];
	snprintf(path, sizeof(path), "tk.bound");
	to_unix(path, true);
	to_unix(path, false);
	return 0;
}
