/* accept and accept4: IPv4, IPv6, unix; nobody waiting; not a listener. Argument: a folder of its own. */
#include "sockets.h"

#include <netinet/tcp.h>

enum { BACKLOG = 7 };

/* queuelen: who still waits in the listener's queue; its limit is what listen() was given. */
static void queue(int queuelen, int queuemax)
{
	truth_textf("evt.arg.queuepct", "%d", queuemax ? 100 * queuelen / queuemax : 0);
	truth_textf("evt.arg.queuelen", "%d", queuelen);
	truth_textf("evt.arg.queuemax", "%d", queuemax);
}

static void took_ip(const char *type, const char *kind, long fd, int queuelen)
{
	struct sockaddr_storage address = {};
	socklen_t len = sizeof(address);
	struct end local = local_end(fd), remote = {};

	need(getpeername(fd, (void *)&address, &len) == 0, "getpeername");
	end_of(&address, &remote);
	truth_begin(type, fd);
	truth_textf("evt.arg.fd", "<%s>%s:%d->%s:%d", kind, remote.ip, remote.port, local.ip, local.port);
	truth_textf("evt.arg.tuple", "%s:%d->%s:%d", remote.ip, remote.port, local.ip, local.port);
	truth_textf("fd.name", "%s:%d->%s:%d", remote.ip, remote.port, local.ip, local.port);
	truth_textf("fd.typechar", "%c", kind[0]);
	truth_text("fd.l4proto", "tcp");
	truth_number("fd.num", fd);
	truth_bool("fd.is_server", true);
	truth_ends(remote.ip, remote.port, local.ip, local.port);
	queue(queuelen, BACKLOG);
}

static void took_unix(const char *type, long fd)
{
	truth_begin(type, fd);
	truth_like("evt.arg.fd", "^<u>[0-9a-f]+->[0-9a-f]+ tk.sock$");
	truth_like("evt.arg.tuple", "^[0-9a-f]+->[0-9a-f]+ tk.sock$");
	truth_like("fd.name", "^[0-9a-f]+->[0-9a-f]+ tk.sock$");
	truth_text("fd.typechar", "u");
	truth_number("fd.num", fd);
	queue(0, BACKLOG); /* unix sockets keep their queue elsewhere; the limit is there */
}

static void took_nothing(const char *type, long result)
{
	need(result < 0, "an accept that must fail");
	truth_begin(type, result);
	truth_text("evt.arg.fd", strerrorname_np(-result));
	truth_text("evt.arg.tuple", "NULL");
	queue(0, 0);
}

static void connect_to(const void *address, socklen_t len)
{
	int fd = socket(((const struct sockaddr *)address)->sa_family, SOCK_STREAM, 0);

	need(fd >= 0 && connect(fd, address, len) == 0, "connect");
}

/* connect() is through before the listener's side has the last packet. Of a listener tcpi_unacked is its queue (net/ipv4/tcp.c). */
static void wait_for_queue(int server, unsigned int wanted)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);

	for (int tries = 0; tries < 10000; tries++) {
		need(getsockopt(server, IPPROTO_TCP, TCP_INFO, &info, &len) == 0, "TCP_INFO");
		if (info.tcpi_unacked >= wanted)
			return;
		usleep(1000);
	}
	need(false, "connections in the queue");
}

static void round_of(const char *type, int flags)
{
	long fd;
	bool four = !strcmp(type, "accept4");
	char flags_text[16];
	snprintf(flags_text, sizeof(flags_text), "%X", flags);
#define TAKE(server) result_of(four ? syscall(SYS_accept4, server, NULL, NULL, flags) : syscall(SYS_accept, server, NULL, NULL))
#define DONE() do { if (four) truth_text("evt.arg.flags", flags_text); truth_end(); } while (0)

	struct sockaddr_in any4 = in4("127.0.0.1", 0);
	struct sockaddr_in6 any6 = in6("::1", 0);
	struct sockaddr_un path = un("tk.sock");
	unlink("tk.sock");
	int server4 = listener(&any4, sizeof(any4), BACKLOG), server6 = listener(&any6, sizeof(any6), BACKLOG);
	int server_unix = listener(&path, sizeof(path), BACKLOG);
	any4.sin_port = htons(local_end(server4).port);
	any6.sin6_port = htons(local_end(server6).port);

	connect_to(&any4, sizeof(any4));
	connect_to(&any4, sizeof(any4));
	wait_for_queue(server4, 2);
	fd = TAKE(server4);
	took_ip(type, "4t", fd, 1);
	DONE();
	fd = TAKE(server4);
	took_ip(type, "4t", fd, 0);
	DONE();
	connect_to(&any6, sizeof(any6));
	fd = TAKE(server6);
	took_ip(type, "6t", fd, 0);
	DONE();
	connect_to(&path, sizeof(path));
	fd = TAKE(server_unix);
	took_unix(type, fd);
	DONE();
	need(fcntl(server4, F_SETFL, O_NONBLOCK) == 0, "fcntl");
	took_nothing(type, TAKE(server4));
	DONE();
	int idle = socket(AF_INET, SOCK_STREAM, 0);
	took_nothing(type, TAKE(idle));
	DONE();
}

int main(int argc, char **argv)
{
	need(argc == 2 && chdir(argv[1]) == 0, "the folder");
	truth_types("accept", "accept4", NULL);
	round_of("accept", 0);
	round_of("accept4", SOCK_CLOEXEC | SOCK_NONBLOCK);
	return 0;
}
