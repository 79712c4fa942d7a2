/* sendmsg, recvmsg: buffers, addresses, descriptors and credentials alongside. Argument: a folder of its own. */
#include "io.h"

static char data[100];

/* A message in two buffers, with an empty one between them. */
struct message {
	struct msghdr head;
	struct iovec iov[3];
	struct sockaddr_storage address;
	char room[2][128];
	char control[256] __attribute__((aligned(8)));
};

static void scatter(struct message *m, const char *from, size_t first, size_t second)
{
	memset(m, 0, sizeof(*m));
	if (from) {
		memcpy(m->room[0], from, first);
		memcpy(m->room[1], from + first, second);
	}
	m->iov[0] = (struct iovec){m->room[0], first};
	m->iov[2] = (struct iovec){m->room[1], second};
	m->head.msg_iov = m->iov;
	m->head.msg_iovlen = 3;
}

static void gather(const struct message *m, char *to)
{
	memcpy(to, m->room[0], m->iov[0].iov_len);
	memcpy(to + m->iov[0].iov_len, m->room[1], m->iov[2].iov_len);
}

/* Adds something alongside. */
static void alongside(struct message *m, int type, const void *what, size_t len)
{
	struct cmsghdr *c = (void *)m->control;

	m->head.msg_control = m->control;
	m->head.msg_controllen = CMSG_SPACE(len);
	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(len), .cmsg_level = SOL_SOCKET, .cmsg_type = type};
	memcpy(CMSG_DATA(c), what, len);
}

static void do_send(int fd, struct message *m, enum role role, const char *path)
{
	long result = result_of(syscall(SYS_sendmsg, fd, &m->head, MSG_NOSIGNAL));
	struct seen s = look_with(fd, role, m->head.msg_name, path);
	char joined[256];
	size_t size = m->iov[0].iov_len + m->iov[2].iov_len;

	gather(m, joined);
	truth_transfer(&(struct transfer){"sendmsg", result, fd, false, size, joined}, &s);
	truth_tuple(&s);
	truth_end();
}

static void do_receive(int fd, size_t first, size_t second, size_t control, enum role role, const char *path)
{
	struct message m;
	char joined[256];

	scatter(&m, NULL, first, second);
	m.head.msg_name = &m.address;
	m.head.msg_namelen = sizeof(m.address);
	m.head.msg_control = control ? m.control : NULL;
	m.head.msg_controllen = control;
	wait_readable(fd);
	long result = result_of(syscall(SYS_recvmsg, fd, &m.head, MSG_DONTWAIT));
	bool from_ip = result >= 0 && (m.address.ss_family == AF_INET || m.address.ss_family == AF_INET6);
	struct seen s = look_with(fd, role, from_ip ? &m.address : NULL, path);

	gather(&m, joined);
	truth_transfer(&(struct transfer){"recvmsg", result, fd, true, first + second, result > 0 ? joined : NULL}, &s);
	truth_tuple(&s);
	truth_data_arg("evt.arg.msgcontrol", m.control, result >= 0 ? m.head.msg_controllen : 0);
	truth_end();
}

static void over_udp(int family)
{
	struct sockaddr_in v4 = in4("127.0.0.1", 0);
	struct sockaddr_in6 v6 = in6("::1", 0);
	void *to = family == AF_INET ? (void *)&v4 : (void *)&v6;
	socklen_t len = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int server = socket(family, SOCK_DGRAM, 0), client = socket(family, SOCK_DGRAM, 0);
	struct message m;

	need(bind(server, to, len) == 0, "bind");
	v4.sin_port = v6.sin6_port = htons(local_end(server).port);
	do_receive(server, 8, 8, 0, NO_ROLE, NULL); /* EAGAIN */
	scatter(&m, data, 60, 40);
	m.head.msg_name = to;
	m.head.msg_namelen = len;
	do_send(client, &m, CLIENT, NULL);
	do_receive(server, 50, 78, 64, SERVER, NULL);
	scatter(&m, data, 3, 5);
	do_send(socket(family, SOCK_DGRAM, 0), &m, NO_ROLE, NULL); /* EDESTADDRREQ */
	need(connect(client, to, len) == 0, "connect");
	do_send(client, &m, CLIENT, NULL);
	do_receive(server, 4, 100, 0, SERVER, NULL);
}

static void over_tcp(void)
{
	struct message m;
	int tcp[2];

	tcp_pair(tcp);
	scatter(&m, data, 50, 50);
	do_send(tcp[0], &m, CLIENT, NULL);
	do_receive(tcp[1], 30, 51, 0, SERVER, NULL);
	do_send(socket(AF_INET, SOCK_STREAM, 0), &m, NO_ROLE, NULL); /* EPIPE */
}

static void over_unix(void)
{
	static const char path[] = "tk.msg";
	struct sockaddr_un there = un(path);
	struct ucred self = {.pid = getpid(), .uid = getuid(), .gid = getgid()};
	int server = socket(AF_UNIX, SOCK_DGRAM, 0), client = socket(AF_UNIX, SOCK_DGRAM, 0);
	int pair[2], many[20], on = 1;
	struct message m;

	need(bind(server, (void *)&there, sizeof(there)) == 0, "bind");
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	scatter(&m, data, 10, 10);
	m.head.msg_name = &there;
	m.head.msg_namelen = sizeof(there);
	do_send(client, &m, NO_ROLE, path);
	do_receive(server, 64, 64, 0, NO_ROLE, path);

	scatter(&m, data, 60, 40); /* more bytes than there are alongside */
	alongside(&m, SCM_RIGHTS, &server, sizeof(server));
	do_send(pair[0], &m, NO_ROLE, "");
	do_receive(pair[1], 100, 28, sizeof(m.control), NO_ROLE, "");
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = server;
	scatter(&m, data, 8, 0); /* fewer */
	alongside(&m, SCM_RIGHTS, many, sizeof(many));
	do_send(pair[0], &m, NO_ROLE, "");
	do_receive(pair[1], 8, 8, sizeof(m.control), NO_ROLE, "");
	need(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0, "SO_PASSCRED");
	scatter(&m, data, 16, 16);
	alongside(&m, SCM_CREDENTIALS, &self, sizeof(self));
	do_send(pair[0], &m, NO_ROLE, "");
	do_receive(pair[1], 16, 16, sizeof(m.control), NO_ROLE, "");
}

/* A message that is not there, on a socket and on nothing. */
static void without_message(int fd)
{
	struct seen s = look(fd);
	long result = result_of(syscall(SYS_sendmsg, fd, (void *)8, 0));

	truth_transfer(&(struct transfer){"sendmsg", result, fd, false, 0, NULL}, &s);
	truth_tuple(&s);
	truth_end();
	result = result_of(syscall(SYS_recvmsg, fd, (void *)8, MSG_DONTWAIT));
	truth_transfer(&(struct transfer){"recvmsg", result, fd, true, 0, NULL}, &s);
	truth_tuple(&s);
	truth_text("evt.arg.msgcontrol", "NULL");
	truth_end();
}

int main(int argc, char **argv)
{
	struct message m;

	need(argc == 2 && chdir(argv[1]) == 0, "the folder");
	some_data(data);
	truth_types("sendmsg", "recvmsg", NULL);
	over_udp(AF_INET);
	over_udp(AF_INET6);
	over_tcp();
	over_unix();
	without_message(socket(AF_INET, SOCK_DGRAM, 0));
	without_message(ABSENT_FD);
	scatter(&m, data, 50, 50);
	do_send(ABSENT_FD, &m, NO_ROLE, NULL);
	do_send(open(".", O_RDONLY | O_DIRECTORY), &m, NO_ROLE, NULL); /* ENOTSOCK */
	do_receive(-1, 8, 8, 0, NO_ROLE, NULL);
	return 0;
}
