/* Descriptors: what fstat(), /proc/self/fd and the socket calls say of them. */
#pragma once

#include "sockets.h"

/* Whose word a socket's tuple takes for its first half. */
enum role { NO_ROLE, CLIENT, SERVER };

struct seen {
	int num;           /* -1: there is no such descriptor */
	char kind[4];      /* typechar, and the letter of a protocol */
	const char *type;  /* NULL: an unknown one */
	char name[PATH_MAX + 128];
	bool like;         /* name is a pattern */
	bool is_socket, is_ip, connected;
	enum role role;
	struct end client, server; /* an empty ip: there is none */
	struct stat st;
};

static inline void seen_kind(struct seen *s, const char *kind, const char *type)
{
	strncpy(s->kind, kind, sizeof(s->kind) - 1);
	s->type = type;
}

/* Behind "anon_inode:" in /proc/self/fd. */
static inline void look_at_anonymous(struct seen *s, const char *name)
{
	static const struct {
		const char *name, *kind, *type;
	} known[] = {
		{"[eventfd]", "e", "event"}, {"[signalfd]", "s", "signalfd"}, {"[eventpoll]", "l", "eventpoll"},
		{"inotify", "i", "inotify"}, {"[timerfd]", "t", "timerfd"},   {"bpf-map", "b", "bpf"},
		{"bpf-prog", "b", "bpf"},    {"[pidfd]", "P", "pidfd"},       {"[userfaultfd]", "u", "userfaultfd"},
		{"[io_uring]", "r", "io_uring"},
	};

	seen_kind(s, "o", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(known[i].name, name))
			seen_kind(s, known[i].kind, known[i].type);
}

static inline int socket_option(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	need(getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0, "getsockopt");
	return value;
}

/* Of a raw socket that it is raw, whatever its protocol. */
static inline const char *protocol_letter(int fd)
{
	if (socket_option(fd, SO_TYPE) == SOCK_RAW)
		return "r";
	switch (socket_option(fd, SO_PROTOCOL)) {
	case IPPROTO_TCP: return "t";
	case IPPROTO_UDP: return "u";
	case IPPROTO_ICMP: return "i";
	default: return "";
	}
}

static inline const char *protocol_name(const struct seen *s)
{
	switch (s->is_ip ? s->kind[1] : 0) {
	case 't': return "tcp";
	case 'u': return "udp";
	case 'i': return "icmp";
	case 'r': return "raw";
	default: return "<NA>";
	}
}

/* A peer that is given (NULL: the connected one, if any) is whom an unconnected socket speaks with. */
static inline void look_at_ip(struct seen *s, enum role role, const void *given)
{
	struct sockaddr_storage address = {};
	socklen_t len = sizeof(address);
	struct end local = local_end(s->num), remote = {};
	bool listens = socket_option(s->num, SO_ACCEPTCONN);

	if (socket_option(s->num, SO_TYPE) == SOCK_RAW)
		local.port = 0; /* it has none: getsockname() gives its protocol */
	s->connected = getpeername(s->num, (void *)&address, &len) == 0;
	if (s->connected || given)
		end_of(s->connected ? (const void *)&address : given, &remote);
	s->role = role;
	s->client = role == SERVER ? remote : local;
	s->server = role == SERVER ? local : remote;
	if (listens) {
		s->role = SERVER;
		s->client = (struct end){};
		s->server = local;
	}
	if (remote.ip[0])
		snprintf(s->name, sizeof(s->name), "%s:%d->%s:%d", s->client.ip, s->client.port, s->server.ip,
			 s->server.port);
	else if (local.port)
		snprintf(s->name, sizeof(s->name), "%s:%d", local.ip, local.port);
	if (strchr(local.ip, ':') && !(remote.ip[0] && strchr(remote.ip, '.')))
		seen_kind(s, "6", "ipv6");
	else
		seen_kind(s, "4", "ipv4");
	strcat(s->kind, protocol_letter(s->num));
}

static inline void look_at_unix(struct seen *s, const char *path)
{
	struct sockaddr_un peer = {};
	socklen_t len = sizeof(peer);

	seen_kind(s, "u", "unix");
	s->like = true;
	bool connected = getpeername(s->num, (void *)&peer, &len) == 0;
	snprintf(s->name, sizeof(s->name), connected ? "[0-9a-f]+->[0-9a-f]+ ?%s" : "([0-9a-f]+->[0-9a-f]+ ?)?%s",
		 path ? path : "");
}

/* path: the name that a unix socket must be shown with */
static inline struct seen look_with(int fd, enum role role, const void *given, const char *path)
{
	struct seen s = {.num = -1};
	char link[PATH_MAX] = "", proc[64];

	if (fd < 0 || fstat(fd, &s.st))
		return s;
	s.num = fd;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	need(readlink(proc, link, sizeof(link) - 1) > 0, "readlink");
	if (S_ISSOCK(s.st.st_mode)) {
		int family = socket_option(fd, SO_DOMAIN);
		s.is_socket = true;
		s.is_ip = family == AF_INET || family == AF_INET6;
		if (s.is_ip)
			look_at_ip(&s, role, given);
		else if (family == AF_UNIX)
			look_at_unix(&s, path);
		else if (family == AF_NETLINK)
			seen_kind(&s, "n", "netlink");
		else
			seen_kind(&s, "o", NULL);
	} else if (!strncmp(link, "anon_inode:", 11)) {
		look_at_anonymous(&s, link + 11);
	} else if (!strncmp(link, "/memfd:", 7)) {
		seen_kind(&s, "m", "memfd");
		snprintf(s.name, sizeof(s.name), "%.*s", (int)(strlen(link) - 7 - strlen(" (deleted)")), link + 7);
	} else if (S_ISFIFO(s.st.st_mode)) {
		seen_kind(&s, "p", "pipe");
	} else {
		bool directory = S_ISDIR(s.st.st_mode);
		seen_kind(&s, directory ? "d" : "f", directory ? "directory" : "file");
		snprintf(s.name, sizeof(s.name), "%s", link);
	}
	return s;
}

static inline struct seen look(int fd)
{
	return look_with(fd, NO_ROLE, NULL, NULL);
}
