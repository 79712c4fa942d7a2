/* What is stated of descriptors: arguments that are one, and the fd.* fields. */
#pragma once

#include "looks.h"

#include <poll.h>
#include <sys/sysmacros.h>
#include <time.h>

/* An argument that is a descriptor: what it is, or its number, or an error's name. */
static inline void truth_fd_arg(const char *key, long fd, const struct seen *s)
{
	char pattern[sizeof(s->name) + 16];

	if (fd < 0) {
		truth_text(key, strerrorname_np(-fd));
	} else if (s->num < 0) {
		truth_textf(key, "%ld", fd);
	} else if (s->like) {
		snprintf(pattern, sizeof(pattern), "^<%s>%s$", s->kind, s->name);
		truth_like(key, pattern);
	} else {
		truth_textf(key, "<%s>%s", s->kind, s->name);
	}
}

/* A tuple is what the socket is called. */
static inline void truth_tuple(const struct seen *s)
{
	char pattern[sizeof(s->name) + 16];

	if (s->like) {
		snprintf(pattern, sizeof(pattern), "^%s$", s->name);
		truth_like("evt.arg.tuple", pattern);
	} else {
		truth_text("evt.arg.tuple", s->is_socket && s->name[0] ? s->name : "NULL");
	}
}

static inline void truth_end_of(const char *ip_key, const char *port_key, const struct end *end, bool known)
{
	truth_text(ip_key, known && end->ip[0] ? end->ip : NULL);
	if (known && end->ip[0])
		truth_number(port_key, end->port);
	else
		truth_text(port_key, NULL);
}

static inline void truth_socket(const struct seen *s)
{
	truth_text("fd.l4proto", protocol_name(s));
	truth_end_of("fd.cip", "fd.cport", &s->client, s->role != NO_ROLE);
	truth_end_of("fd.sip", "fd.sport", &s->server, s->role != NO_ROLE);
	if (s->role != NO_ROLE)
		truth_bool("fd.is_server", s->role == SERVER);
	else
		truth_text("fd.is_server", NULL);
	if (s->is_ip)
		truth_bool("fd.connected", s->connected);
}

/* The fd.* fields; without a descriptor there are none. */
static inline void truth_seen(const struct seen *s)
{
	static const char *const absent[] = {"fd.num", "fd.type", "fd.typechar", "fd.name", "fd.ino", "fd.dev.major",
					     "fd.dev.minor", "fd.cip", "fd.sip", "fd.is_server", "fd.filename"};
	char pattern[sizeof(s->name) + 16];

	if (s->num < 0) {
		for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
			truth_text(absent[i], NULL);
		return;
	}
	truth_number("fd.num", s->num);
	if (s->type)
		truth_text("fd.type", s->type);
	truth_textf("fd.typechar", "%c", s->kind[0]);
	if (s->like) {
		snprintf(pattern, sizeof(pattern), "^%s$", s->name);
		truth_like("fd.name", pattern);
	} else {
		truth_text("fd.name", s->name);
	}
	truth_number("fd.ino", s->st.st_ino);
	truth_number("fd.dev.major", major(s->st.st_dev));
	truth_number("fd.dev.minor", minor(s->st.st_dev));
	truth_socket(s);
	if (s->kind[0] == 'f' || s->kind[0] == 'd') {
		truth_text("fd.filename", strrchr(s->name, '/') + 1);
		truth_textf("fd.directory", "%.*s", (int)(strrchr(s->name, '/') - s->name), s->name);
		truth_text("fd.realpath", s->name);
	} else {
		truth_text("fd.filename", NULL);
		truth_text("fd.directory", NULL);
	}
}

/* Falco's word for a category that depends on what the descriptor is. */
static inline const char *io_category(const struct seen *s)
{
	if (s->num < 0 || !s->type)
		return "unknown";
	if (s->kind[0] == 'f' || s->kind[0] == 'd')
		return "file";
	if (s->is_ip)
		return "net";
	if (!strcmp(s->type, "unix") || !strcmp(s->type, "userfaultfd"))
		return "ipc";
	return strchr("pesi", s->kind[0]) ? "ipc" : "unknown";
}

/*
 * Runs what states in a child of its own, so that what was prepared (sockets, pipes) need not be stated. The parent
 * stays a while: an end may be told a millisecond early, and proc.ppid speaks of parents that are there.
 */
static inline int state_in_child(void (*state)(void))
{
	struct timespec while_ = {.tv_nsec = 50000000};
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (pid == 0) {
		state();
		_exit(0);
	}
	int status = wait_for(pid);
	nanosleep(&while_, NULL);
	return status ? 1 : 0;
}

/* A connection over loopback: [0] began it, [1] accepted it. */
static inline void tcp_pair(int fds[2])
{
	struct sockaddr_in any = in4("127.0.0.1", 0);
	int server = listener(&any, sizeof(any), 8);

	any.sin_port = htons(local_end(server).port);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	need(fds[0] >= 0 && connect(fds[0], (void *)&any, sizeof(any)) == 0, "connect");
	fds[1] = accept(server, NULL, NULL);
	need(fds[1] >= 0, "accept");
	close(server);
}

/* What was sent over loopback may take a moment; what was not never comes. */
static inline void wait_readable(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	poll(&one, 1, 200);
}
