/* Every operation of io_uring that is told, from its submitter, from worker threads, from a ring that polls. Argument: a folder. */
#include "ring_files.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { OP_BIND = 56, OP_LISTEN = 57 }; /* v6.11: not in every header */

/* ---- sockets ---- */

static long transfer(struct way *w, const char *type, unsigned char opcode, int fd, void *bytes, unsigned int size,
		     const char *shown, const char *name)
{
	struct io_uring_sqe *sqe = entry(w, opcode, fd);

	sqe->addr = (uintptr_t)bytes;
	sqe->len = size;
	sqe->off = opcode == IORING_OP_WRITE || opcode == IORING_OP_READ ? -1ull : 0;
	long result = ring_do(&w->ring);
	begin(w, type, result);
	truth_number("fd.num", fd);
	truth_text("fd.name", name);
	truth_text("evt.buffer", shown);
	truth_end();
	return result;
}

static unsigned int port_of(int fd)
{
	struct sockaddr_in a = {};
	socklen_t size = sizeof(a);

	need(getsockname(fd, (void *)&a, &size) == 0, "getsockname");
	return ntohs(a.sin_port);
}

static int listener(struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	need(fd >= 0 && bind(fd, (void *)a, sizeof(*a)) == 0 && listen(fd, 5) == 0, "a listener");
	a->sin_port = htons(port_of(fd));
	return fd;
}

static long make_socket(struct way *w, int domain, int type)
{
	struct io_uring_sqe *sqe = entry(w, IORING_OP_SOCKET, domain);

	sqe->off = type;
	long fd = ring_do(&w->ring);
	begin(w, "socket", fd);
	truth_text("evt.arg.domain", domain == AF_INET ? "AF_INET" : domain == AF_UNIX ? "AF_LOCAL|AF_UNIX" : "77");
	if (fd >= 0)
		truth_number("fd.num", fd);
	truth_end();
	return fd;
}

static void connects(struct way *w)
{
	struct sockaddr_in a;
	int server = listener(&a);
	long client = make_socket(w, AF_INET, SOCK_STREAM);
	char tuple[128], buffer[64];

	make_socket(w, 77, SOCK_STREAM); /* EAFNOSUPPORT */
	struct io_uring_sqe *sqe = entry(w, IORING_OP_CONNECT, client);
	sqe->addr = (uintptr_t)&a;
	sqe->off = sizeof(a);
	long result = ring_do(&w->ring);
	snprintf(tuple, sizeof(tuple), "127.0.0.1:%u->127.0.0.1:%u", port_of(client), ntohs(a.sin_port));
	begin(w, "connect", result);
	truth_number("fd.num", client);
	truth_text("fd.name", tuple);
	truth_text("fd.sip", "127.0.0.1");
	truth_number("fd.sport", ntohs(a.sin_port));
	truth_end();

	sqe = entry(w, IORING_OP_ACCEPT, server);
	sqe->accept_flags = SOCK_CLOEXEC;
	long accepted = ring_do(&w->ring);
	begin(w, "accept4", accepted);
	truth_number("fd.num", accepted);
	truth_text("fd.name", tuple);
	truth_text("fd.cip", "127.0.0.1");
	truth_number("fd.cport", port_of(client));
	truth_end();

	struct iovec iov = {"message", 7}, into = {buffer, sizeof(buffer)};
	struct msghdr out = {.msg_iov = &iov, .msg_iovlen = 1}, in = {.msg_iov = &into, .msg_iovlen = 1};
	transfer(w, "sendto", IORING_OP_SEND, client, "sent", 4, "sent", tuple);
	transfer(w, "recvfrom", IORING_OP_RECV, accepted, buffer, sizeof(buffer), "sent", tuple);
	transfer(w, "sendmsg", IORING_OP_SENDMSG, accepted, &out, 1, "message", tuple);
	transfer(w, "recvmsg", IORING_OP_RECVMSG, client, &in, 1, "message", tuple);
	if (ring_can(&w->ring, IORING_OP_SEND_ZC)) {
		transfer(w, "sendto", IORING_OP_SEND_ZC, client, "zero", 4, "zero", tuple);
		ring_next(&w->ring); /* that the buffer is free: no operation of its own */
	}
	transfer(w, "write", IORING_OP_WRITE, client, "written", 7, "written", tuple);
	transfer(w, "read", IORING_OP_READ, accepted, buffer, 4, ring_can(&w->ring, IORING_OP_SEND_ZC) ? "zero" : "writ", tuple);
	close(client);
	close(accepted);
	close(server);

	/* nobody listens there any more */
	client = make_socket(w, AF_INET, SOCK_STREAM);
	sqe = entry(w, IORING_OP_CONNECT, client);
	sqe->addr = (uintptr_t)&a;
	sqe->off = sizeof(a);
	result = ring_do(&w->ring);
	begin(w, "connect", result);
	truth_text("fd.sip", "127.0.0.1");
	truth_number("fd.sport", ntohs(a.sin_port));
	truth_end();
	close(client);
}

static void unix_and_bind(struct way *w)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char *path = path_of(w, "socket");
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	long client = make_socket(w, AF_UNIX, SOCK_STREAM);

	snprintf(a.sun_path, sizeof(a.sun_path), "%.*s", (int)sizeof(a.sun_path) - 1, path);
	struct io_uring_sqe *sqe;
	long result;
	if (ring_can(&w->ring, OP_BIND)) {
		sqe = entry(w, OP_BIND, server);
		sqe->addr = (uintptr_t)&a;
		sqe->off = sizeof(a);
		result = ring_do(&w->ring);
		begin(w, "bind", result);
		truth_text("fd.name", a.sun_path);
		truth_end();
		sqe = entry(w, OP_LISTEN, server);
		sqe->len = 7;
		result = ring_do(&w->ring);
		begin(w, "listen", result);
		truth_text("evt.arg.backlog", "7");
		truth_end();
	} else {
		need(bind(server, (void *)&a, sizeof(a)) == 0 && listen(server, 7) == 0, "bind");
	}
	sqe = entry(w, IORING_OP_CONNECT, client);
	sqe->addr = (uintptr_t)&a;
	sqe->off = sizeof(a);
	result = ring_do(&w->ring);
	char pattern[PATH_MAX];
	snprintf(pattern, sizeof(pattern), "^[0-9a-f]+->[0-9a-f]+ %s$", a.sun_path);
	begin(w, "connect", result);
	truth_number("fd.num", client);
	truth_like("fd.name", pattern);
	truth_end();

	sqe = entry(w, IORING_OP_SHUTDOWN, client);
	sqe->len = SHUT_WR;
	result = ring_do(&w->ring);
	begin(w, "shutdown", result);
	truth_number("fd.num", client);
	truth_end();
	close(client);
	close(server);
}

/* ---- what has no end of its own, and what has no descriptor ---- */

/* Links: the first works and the second fails, so that the third is not done. */
static void linked(struct way *w)
{
	char *folder = path_of(w, "linked"), *never = path_of(w, "never"), *absent = path_of(w, "none");
	struct io_uring_sqe *sqe = entry(w, IORING_OP_MKDIRAT, AT_FDCWD);
	unsigned long long first = sqe->user_data;
	long results[3];

	sqe->addr = (uintptr_t)folder;
	sqe->len = 0700;
	sqe->flags |= IOSQE_IO_LINK;
	sqe = entry(w, IORING_OP_OPENAT, AT_FDCWD);
	sqe->addr = (uintptr_t)absent;
	sqe->flags |= IOSQE_IO_LINK;
	sqe = entry(w, IORING_OP_MKDIRAT, AT_FDCWD);
	sqe->addr = (uintptr_t)never;
	ring_submit(&w->ring, 3);
	for (int i = 0; i < 3; i++) {
		struct completion got = ring_next(&w->ring);
		results[got.user_data - first] = got.res;
	}
	begin(w, "mkdirat", results[0]);
	truth_text("evt.arg.path", folder);
	truth_end();
	begin(w, "openat", results[1]);
	truth_opened(absent, absent, NULL, -1);
	begin(w, "mkdirat", results[2]);
	truth_text("evt.arg.path", never);
	truth_end();
	need(results[0] == 0 && results[1] == -ENOENT && results[2] == -ECANCELED, "a chain of three");
}

/* No completion of what works: told at the submission, as if it had worked. */
static void skipped(struct way *w)
{
	char *file = path_of(w, "skipped");
	struct io_uring_sqe *sqe = entry(w, IORING_OP_MKDIRAT, AT_FDCWD);

	if (!(w->ring.params.features & IORING_FEAT_CQE_SKIP))
		return;
	sqe->addr = (uintptr_t)file;
	sqe->len = 0700;
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK;
	entry(w, IORING_OP_NOP, -1);
	ring_do(&w->ring);
	unknown = true;
	begin(w, "mkdirat", 0);
	truth_text("fs.path.name", file);
	truth_end();
	unknown = false;
}

/* Descriptors of the ring's own table: opened into it, connected in it. */
static void direct(struct way *w)
{
	int none[4] = {-1, -1, -1, -1};
	char *file = path_of(w, "direct"), *link = path_of(w, "direct-link");
	struct sockaddr_in a;
	int server = listener(&a);

	close(open(file, O_CREAT | O_RDONLY, 0600));
	need(symlink(file, link) == 0, "symlink");
	need(syscall(SYS_io_uring_register, w->ring.fd, IORING_REGISTER_FILES, none, 4) == 0, "IORING_REGISTER_FILES");
	struct io_uring_sqe *sqe = entry(w, IORING_OP_OPENAT, AT_FDCWD);
	sqe->addr = (uintptr_t)link;
	sqe->file_index = 3; /* place 2 */
	long result = ring_do(&w->ring);
	begin(w, "openat", result == 0 ? 2 : result); /* told with the place, as opens are with their descriptor */
	truth_bool("fd.is_direct", true);
	truth_number("fd.num", 2);
	truth_text("fd.name", link);
	truth_text("fd.realpath", file);
	truth_end();

	sqe = entry(w, IORING_OP_SOCKET, AF_INET);
	sqe->off = SOCK_STREAM;
	sqe->file_index = IORING_FILE_INDEX_ALLOC;
	long place = ring_do(&w->ring);
	begin(w, "socket", place);
	truth_bool("fd.is_direct", true);
	truth_number("fd.num", place);
	truth_end();
	sqe = entry(w, IORING_OP_CONNECT, place);
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->addr = (uintptr_t)&a;
	sqe->off = sizeof(a);
	result = ring_do(&w->ring);
	begin(w, "connect", result);
	truth_bool("fd.is_direct", true);
	truth_number("fd.num", place);
	truth_number("fd.sport", ntohs(a.sin_port));
	truth_end();
	need(syscall(SYS_io_uring_register, w->ring.fd, IORING_UNREGISTER_FILES, NULL, 0) == 0, "IORING_UNREGISTER_FILES");
	close(server);
}

/* One request, many connections; then it is cancelled. */
static void multishot(struct way *w)
{
	struct sockaddr_in a;
	int server = listener(&a), clients[3];
	struct io_uring_sqe *sqe = entry(w, IORING_OP_ACCEPT, server);

	sqe->ioprio = IORING_ACCEPT_MULTISHOT;
	unsigned long long wanted = sqe->user_data;
	ring_submit(&w->ring, 0);
	for (int i = 0; i < 3; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM, 0);
		need(connect(clients[i], (void *)&a, sizeof(a)) == 0, "connect");
		struct completion got = ring_next(&w->ring);
		need(got.user_data == wanted && got.res >= 0 && got.flags & IORING_CQE_F_MORE, "a connection");
		begin(w, "accept4", got.res);
		truth_number("fd.num", got.res);
		truth_number("fd.cport", port_of(clients[i]));
		truth_end();
	}
	sqe = ring_entry(&w->ring, IORING_OP_ASYNC_CANCEL, -1);
	sqe->addr = wanted;
	ring_submit(&w->ring, 2);
	for (int i = 0; i < 2; i++)
		if (ring_next(&w->ring).user_data == wanted) {
			begin(w, "accept4", -ECANCELED);
			truth_end();
		}
	for (int i = 0; i < 3; i++)
		close(clients[i]);
	close(server);
}

/* More completions than their queue holds: those that come later find no place. */
static void overflowing(void)
{
	enum { AT_ONCE = 8, TIMES = 3 };
	static char names[AT_ONCE * TIMES][64];
	struct way small = {.name = "overflow"};

	need(ring_open(&small.ring, AT_ONCE, 0, AT_ONCE), "a small ring");
	for (int i = 0; i < AT_ONCE * TIMES; i++) {
		snprintf(names[i], sizeof(names[i]), "full-%d", i);
		struct io_uring_sqe *sqe = entry(&small, IORING_OP_MKDIRAT, AT_FDCWD);
		sqe->addr = (uintptr_t)names[i];
		sqe->len = 0700;
		sqe->user_data = i;
		if (small.ring.queued == AT_ONCE)
			ring_submit(&small.ring, 0);
	}
	for (int i = 0; i < AT_ONCE * TIMES; i++) {
		struct completion got = ring_next(&small.ring);
		char path[2 * PATH_MAX];
		snprintf(path, sizeof(path), "%s/%s", dir, names[got.user_data]);
		begin(&small, "mkdirat", got.res);
		truth_text("fs.path.name", path);
		truth_end();
	}
	close(small.ring.fd);
}

static void all(struct way *w)
{
	opens(w);
	paths(w);
	connects(w);
	unix_and_bind(w);
	linked(w);
	skipped(w);
	direct(w);
}

static void *in_thread(void *argument)
{
	all(argument);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct way own = {.name = "own"}, async = {.name = "async", .flags = IOSQE_ASYNC}, thread = {.name = "thread"},
			  polls = {.name = "polls", .polls = true};
	pthread_t other;

	need(argc == 2 && realpath(argv[1], dir) && chdir(dir) == 0, "a folder");
	dir_fd = open(".", O_RDONLY | O_DIRECTORY);
	need(ring_open(&own.ring, 8, 0, 0) && ring_open(&async.ring, 8, 0, 0) && ring_open(&thread.ring, 8, 0, 0), "a ring");
	truth_types("openat", "openat2", "mkdirat", "linkat", "symlinkat", "renameat2", "unlinkat", "socket", "connect", "accept4",
		    "bind", "listen", "shutdown", "sendto", "sendmsg", "recvfrom", "recvmsg", "read", "write", NULL);
	all(&own);
	multishot(&own);
	overflowing();
	all(&async);
	need(pthread_create(&other, NULL, in_thread, &thread) == 0 && pthread_join(other, NULL) == 0, "a thread");
	need(ring_open(&polls.ring, 8, IORING_SETUP_SQPOLL, 0), "a ring that polls");
	all(&polls);
	return 0;
}
