/* sendto, recvfrom: UDP, TCP, unix datagrams; who is client, when a name changes. Argument: a folder of its own. */
#include "io.h"

static char data[100];
static char got[128];

/* With whom: an address (NULL: the one that it is connected with), the role, a unix socket's name. */
struct with {
	const void *address;
	socklen_t len;
	enum role role;
	const char *path;
	int changed; /* whether it has another name than before; -1: no telling */
};

static void finish(const struct transfer *t, const struct with *w)
{
	struct seen s = look_with(t->fd, w->role, w->address, w->path);

	truth_transfer(t, &s);
	truth_tuple(&s);
	if (w->changed >= 0)
		truth_bool("fd.name_changed", w->changed);
	truth_end();
}

static void do_send(int fd, size_t size, int flags, const struct with *w)
{
	long result = result_of(syscall(SYS_sendto, fd, data, size, flags | MSG_NOSIGNAL, w->address, w->len));

	finish(&(struct transfer){"sendto", result, fd, false, size, data}, w);
}

/* Whom it came from is the kernel's word; the caller of this only knows whether there is one. */
static void do_receive(int fd, size_t size, bool wants_address, struct with w)
{
	struct sockaddr_storage from = {};
	socklen_t len = sizeof(from);

	wait_readable(fd);
	long result = result_of(syscall(SYS_recvfrom, fd, got, size, MSG_DONTWAIT, wants_address ? &from : NULL,
					wants_address ? &len : NULL));

	if (result >= 0 && wants_address && (from.ss_family == AF_INET || from.ss_family == AF_INET6))
		w.address = &from;
	finish(&(struct transfer){"recvfrom", result, fd, true, size, result > 0 ? got : NULL}, &w);
}

#define IP(a) &(a), sizeof(a)
#define FRESH true
#define SAME false

static int udp(const void *address, socklen_t len)
{
	int fd = socket(((const struct sockaddr *)address)->sa_family, SOCK_DGRAM, 0);

	need(fd >= 0 && bind(fd, address, len) == 0, "a UDP socket");
	return fd;
}

static void over_udp(void)
{
	struct sockaddr_in to = in4("127.0.0.1", 0), other = to, back = to;
	int server = udp(IP(to)), second = udp(IP(other)), client = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_port = htons(local_end(server).port);
	other.sin_port = htons(local_end(second).port);
	do_receive(server, 16, true, (struct with){.changed = SAME}); /* EAGAIN */
	do_send(client, 100, 0, &(struct with){IP(to), CLIENT, NULL, FRESH});
	do_send(client, 20, 0, &(struct with){IP(to), CLIENT, NULL, SAME});
	do_receive(server, 128, true, (struct with){.role = SERVER, .changed = FRESH});
	do_receive(server, 10, true, (struct with){.role = SERVER, .changed = SAME}); /* less than came */
	back.sin_port = htons(local_end(client).port);
	do_send(server, 30, 0, &(struct with){IP(back), SERVER, NULL, SAME}); /* an answer */
	do_receive(client, 128, true, (struct with){.role = CLIENT, .changed = SAME});
	do_send(client, 0, 0, &(struct with){IP(other), CLIENT, NULL, FRESH}); /* somebody else, and no bytes */
	do_receive(second, 128, true, (struct with){.role = SERVER, .changed = FRESH});

	int connected = socket(AF_INET, SOCK_DGRAM, 0);
	need(connect(connected, (void *)&to, sizeof(to)) == 0, "connect");
	do_send(connected, 40, 0, &(struct with){NULL, 0, CLIENT, NULL, SAME});
	do_receive(server, 128, true, (struct with){.role = SERVER, .changed = FRESH}); /* another client */
	back.sin_port = htons(local_end(connected).port);
	do_send(server, 40, 0, &(struct with){IP(back), SERVER, NULL, SAME});
	do_receive(connected, 128, false, (struct with){.role = CLIENT, .changed = SAME});

	struct sockaddr_in all = in4("255.255.255.255", 9);
	do_send(socket(AF_INET, SOCK_DGRAM, 0), 16, 0, &(struct with){IP(all), NO_ROLE, NULL, SAME}); /* EACCES */
	do_send(socket(AF_INET, SOCK_DGRAM, 0), 16, 0, &(struct with){.changed = SAME}); /* EDESTADDRREQ */
}

static void over_udp6(void)
{
	struct sockaddr_in6 to = in6("::1", 0);
	int server = udp(IP(to)), client = socket(AF_INET6, SOCK_DGRAM, 0);

	to.sin6_port = htons(local_end(server).port);
	do_send(client, 100, 0, &(struct with){IP(to), CLIENT, NULL, FRESH});
	do_receive(server, 128, true, (struct with){.role = SERVER, .changed = FRESH});
}

/* IPv4 through an IPv6 socket is shown as IPv4. */
static void over_mapped(void)
{
	struct sockaddr_in v4 = in4("127.0.0.1", 0);
	int server = udp(IP(v4)), port = local_end(server).port;
	struct sockaddr_in6 own = in6("::ffff:127.0.0.1", 0), to = in6("::ffff:127.0.0.1", port);

	do_send(udp(IP(own)), 10, 0, &(struct with){IP(to), CLIENT, NULL, FRESH});
	do_receive(server, 128, true, (struct with){.role = SERVER, .changed = FRESH});
}

static void over_tcp(void)
{
	int tcp[2];

	tcp_pair(tcp);
	do_send(tcp[0], 100, 0, &(struct with){.role = CLIENT, .changed = SAME});
	do_receive(tcp[1], 90, false, (struct with){.role = SERVER, .changed = SAME});
	do_receive(tcp[1], 90, true, (struct with){.role = SERVER, .changed = SAME}); /* TCP gives no address */
	do_receive(tcp[1], 90, false, (struct with){.role = SERVER, .changed = SAME}); /* EAGAIN */
	do_send(tcp[1], 8, MSG_MORE, &(struct with){.role = SERVER, .changed = SAME});
	do_send(tcp[0], 8, 0, &(struct with){.role = CLIENT, .changed = SAME});
	do_send(socket(AF_INET, SOCK_STREAM, 0), 16, 0, &(struct with){.changed = SAME}); /* EPIPE */
}

static void over_unix(void)
{
	static const char path[] = "tk.there", own[] = "tk.mine";
	struct sockaddr_un there = un(path), mine = un(own), gone = un("tk.gone");
	struct sockaddr_un abstract = {.sun_family = AF_UNIX};
	char name[64];
	socklen_t n = 2 + snprintf(name, sizeof(name), "@tk_send.%d", getpid());
	memcpy(abstract.sun_path + 1, name + 1, n - 3);
	int server = socket(AF_UNIX, SOCK_DGRAM, 0), hidden = socket(AF_UNIX, SOCK_DGRAM, 0);
	int nameless = socket(AF_UNIX, SOCK_DGRAM, 0), named = socket(AF_UNIX, SOCK_DGRAM, 0);
	need(bind(server, (void *)&there, sizeof(there)) == 0 && bind(hidden, (void *)&abstract, n) == 0 &&
	     bind(named, (void *)&mine, sizeof(mine)) == 0, "bind");

	do_send(nameless, 100, 0, &(struct with){IP(there), NO_ROLE, path, -1});
	do_receive(server, 128, true, (struct with){.path = path, .changed = -1});
	do_send(nameless, 30, 0, &(struct with){&abstract, n, NO_ROLE, name, -1});
	do_receive(hidden, 128, false, (struct with){.path = name, .changed = -1});
	do_send(nameless, 30, 0, &(struct with){IP(gone), NO_ROLE, "tk.gone", -1}); /* ENOENT */
	need(connect(nameless, (void *)&there, sizeof(there)) == 0, "connect");
	do_send(nameless, 30, 0, &(struct with){NULL, 0, NO_ROLE, path, -1});
	do_receive(server, 128, false, (struct with){.path = path, .changed = -1});
	do_receive(named, 128, false, (struct with){.path = own, .changed = -1}); /* EAGAIN */
	/* a sender that has a name of its own: whom it speaks to is what counts */
	do_send(named, 30, 0, &(struct with){IP(there), NO_ROLE, path, -1});
	need(connect(named, (void *)&there, sizeof(there)) == 0, "connect");
	do_send(named, 30, 0, &(struct with){NULL, 0, NO_ROLE, path, -1});
}

static void over_nothing(void)
{
	int file = open(".", O_RDONLY | O_DIRECTORY);

	do_send(file, 16, 0, &(struct with){.changed = SAME}); /* ENOTSOCK */
	do_receive(file, 16, false, (struct with){.changed = SAME});
	do_send(ABSENT_FD, 90, 0, &(struct with){.changed = -1});
	do_send(-1, 16, 0, &(struct with){.changed = -1});
	do_receive(ABSENT_FD, 16, false, (struct with){.changed = -1});
}

int main(int argc, char **argv)
{
	need(argc == 2 && chdir(argv[1]) == 0, "the folder");
	some_data(data);
	truth_types("sendto", "recvfrom", NULL);
	over_udp();
	over_udp6();
	over_mapped();
	over_tcp();
	over_unix();
	over_nothing();
	return 0;
}
