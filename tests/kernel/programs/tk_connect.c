/* connect: IPv4, IPv6, IPv4 in IPv6, UDP, unix; refused, absent, in progress. Argument: a folder of its own. */
#include "sockets.h"

/* kind: "4t", "6t", "4u": the letters before the addresses of an fd's text */
static void to_ip(const char *kind, int type, const void *address, socklen_t len)
{
	int fd = socket(((const struct sockaddr *)address)->sa_family, type, 0);
	long result = result_of(syscall(SYS_connect, fd, address, len));
	struct end local = local_end(fd), remote;

	end_of(address, &remote);
	truth_begin("connect", result);
	truth_errno_arg("evt.arg.res", result);
	truth_textf("evt.arg.tuple", "%s:%d->%s:%d", local.ip, local.port, remote.ip, remote.port);
	truth_textf("evt.arg.fd", "<%s>%s:%d->%s:%d", kind, local.ip, local.port, remote.ip, remote.port);
	truth_textf("evt.arg.addr", "%s:%d", remote.ip, remote.port);
	truth_textf("fd.name", "%s:%d->%s:%d", local.ip, local.port, remote.ip, remote.port);
	truth_textf("fd.typechar", "%c", kind[0]);
	truth_text("fd.l4proto", kind[1] == 't' ? "tcp" : "udp");
	truth_number("fd.num", fd);
	truth_bool("fd.is_server", false);
	truth_ends(local.ip, local.port, remote.ip, remote.port);
	truth_end();
	close(fd);
}

static void to_unix(const struct sockaddr_un *address, socklen_t len, const char *shown, bool there)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	long result = result_of(syscall(SYS_connect, fd, address, len));
	char pattern[256];

	need((result == 0) == there, "connect to a unix socket");
	truth_begin("connect", result);
	truth_errno_arg("evt.arg.res", result);
	snprintf(pattern, sizeof(pattern), "^%s%.120s$", there ? "[0-9a-f]+->[0-9a-f]+ " : "([0-9a-f]+->0 )?", shown);
	truth_like("evt.arg.tuple", pattern);
	truth_like("fd.name", pattern);
	snprintf(pattern, sizeof(pattern), "^<u>%s%.120s$", there ? "[0-9a-f]+->[0-9a-f]+ " : "([0-9a-f]+->0 )?", shown);
	truth_like("evt.arg.fd", pattern);
	truth_text("evt.arg.addr", shown);
	truth_text("fd.typechar", "u");
	truth_text("fd.type", "unix");
	truth_number("fd.num", fd);
	truth_end();
	close(fd);
}

int main(int argc, char **argv)
{
	need(argc == 2 && chdir(argv[1]) == 0, "the folder");
	struct sockaddr_in any4 = in4("127.0.0.1", 0);
	struct sockaddr_in6 any6 = in6("::1", 0);
	int server4 = listener(&any4, sizeof(any4), 8), server6 = listener(&any6, sizeof(any6), 8);
	int port4 = local_end(server4).port, port6 = local_end(server6).port;
	struct sockaddr_un path = un("tk.sock"), gone = un("tk.gone"), abstract = {.sun_family = AF_UNIX};
	char name[64];
	int n = snprintf(name, sizeof(name), "@tk_connect.%d", getpid());
	memcpy(abstract.sun_path + 1, name + 1, n - 1);
	listener(&path, sizeof(path), 8);
	listener(&abstract, 2 + n, 8);
	truth_types("connect", NULL);

	struct sockaddr_in v4 = in4("127.0.0.1", port4);
	to_ip("4t", SOCK_STREAM, &v4, sizeof(v4));
	to_ip("4t", SOCK_STREAM | SOCK_NONBLOCK, &v4, sizeof(v4));
	struct sockaddr_in6 v6 = in6("::1", port6);
	to_ip("6t", SOCK_STREAM, &v6, sizeof(v6));
	struct sockaddr_in6 mapped = in6("::ffff:127.0.0.1", port4);
	to_ip("4t", SOCK_STREAM, &mapped, sizeof(mapped));
	to_ip("4u", SOCK_DGRAM, &v4, sizeof(v4));
	close(server4);
	to_ip("4t", SOCK_STREAM, &v4, sizeof(v4)); /* refused */

	to_unix(&path, sizeof(path), "tk.sock", true);
	to_unix(&abstract, 2 + n, name, true);
	to_unix(&gone, sizeof(gone), "tk.gone", false);
	return 0;
}
