/*
 * What a test program says about itself: one JSON object per line on standard output, written with what the program and
 * the kernel's own files say, never with what the agent says.
 *   {"types":["openat"]}                                    first: the event types for which every event is stated
 *   {"pid":123,"type":"openat","fields":{"evt.res":..}}      then one line per event, in the order of the events
 * A value is a text, a number, true, false or null; {"like":"regex"}, {"user":uid} and {"group":gid} are worked out by
 * the test. Where an architecture never had a call (arm64: mkdir) a program does what there is in its place (mkdirat) and states
 * that. Programs are linked statically, so that no loader opens files, and nothing here opens any while it states.
 */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static char truth_buf[1 << 16];
static size_t truth_len;
static bool truth_first;

static void truth_raw(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(truth_buf + truth_len, sizeof(truth_buf) - truth_len, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(truth_buf) - truth_len) {
		fprintf(stderr, "a truth does not fit\n");
		_exit(99);
	}
	truth_len += n;
}

static void truth_quoted(const char *text)
{
	truth_raw("\"");
	for (const unsigned char *c = (const void *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			truth_raw("\\%c", *c);
		else if (*c < 0x20)
			truth_raw("\\u%04x", *c);
		else
			truth_raw("%c", *c);
	}
	truth_raw("\"");
}

static void truth_key(const char *key)
{
	if (!truth_first)
		truth_raw(",");
	truth_first = false;
	truth_quoted(key);
	truth_raw(":");
}

static inline void truth_text(const char *key, const char *value)
{
	truth_key(key);
	if (value)
		truth_quoted(value);
	else
		truth_raw("null");
}

static inline void truth_textf(const char *key, const char *format, ...)
{
	char text[2 * PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	truth_text(key, text);
}

static inline void truth_number(const char *key, long long value)
{
	truth_key(key);
	truth_raw("%lld", value);
}

static inline void truth_bool(const char *key, bool value)
{
	truth_key(key);
	truth_raw(value ? "true" : "false");
}

/* kind: like, user or group; a user or group of -1 is "<NONE>" */
static inline void truth_like(const char *key, const char *regex)
{
	truth_key(key);
	truth_raw("{\"like\":");
	truth_quoted(regex);
	truth_raw("}");
}
static inline void truth_user(const char *key, unsigned int uid)
{
	truth_key(key);
	truth_raw("{\"user\":%u}", uid);
}
static inline void truth_group(const char *key, unsigned int gid)
{
	truth_key(key);
	truth_raw("{\"group\":%u}", gid);
}

/* Programs fork: what is written goes out in one write(), never twice from a copied buffer. */
static void truth_flush(void)
{
	size_t done = 0;

	truth_raw("\n");
	while (done < truth_len) {
		ssize_t n = write(STDOUT_FILENO, truth_buf + done, truth_len - done);
		if (n <= 0)
			_exit(98);
		done += n;
	}
	truth_len = 0;
}

static inline void truth_types(const char *first, ...)
{
	va_list args;

	truth_raw("{\"types\":[");
	truth_quoted(first);
	va_start(args, first);
	for (const char *more; (more = va_arg(args, const char *));) {
		truth_raw(",");
		truth_quoted(more);
	}
	va_end(args);
	truth_raw("]}");
	truth_flush();
}

/* An event of any process; only its type is stated yet. */
static inline void truth_begin_of(const char *type, pid_t pid)
{
	truth_len = 0;
	truth_raw("{\"pid\":%d,\"type\":\"%s\",\"fields\":{", pid, type);
	truth_first = true;
	truth_text("evt.type", type);
	truth_number("proc.pid", pid);
}

static inline void truth_result(long result)
{
	truth_number("evt.rawres", result);
	truth_bool("evt.failed", result < 0);
	truth_text("evt.res", result >= 0 ? "SUCCESS" : strerrorname_np(-result));
}

static inline void truth_comm(const char *key)
{
	char comm[17] = "";

	syscall(SYS_prctl, 16 /* PR_GET_NAME */, comm);
	truth_text(key, comm);
}

static char truth_exe[PATH_MAX];

/* An event of this process, with what every event says of who did it. */
static inline void truth_begin(const char *type, long result)
{
	truth_begin_of(type, getpid());
	truth_result(result);
	truth_comm("proc.name");
	truth_number("proc.ppid", getppid());
	truth_number("thread.tid", syscall(SYS_gettid));
	truth_bool("thread.ismain", syscall(SYS_gettid) == getpid());
	truth_number("user.uid", geteuid());
	truth_user("user.name", geteuid());
	truth_number("group.gid", getegid());
	truth_group("group.name", getegid());
	if (!truth_exe[0]) {
		ssize_t n = readlink("/proc/self/exe", truth_exe, sizeof(truth_exe) - 1);
		truth_exe[n > 0 ? n : 0] = 0;
	}
	truth_text("proc.exepath", truth_exe);
}

static inline void truth_end(void)
{
	truth_raw("}}");
	truth_flush();
}

/* -errno as the kernel returns it. */
static inline long result_of(long returned)
{
	return returned == -1 ? -errno : returned;
}

static inline void truth_errno_arg(const char *key, long result)
{
	if (result < 0)
		truth_text(key, strerrorname_np(-result));
	else
		truth_textf(key, "%ld", result);
}

static inline int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
		;
	return status;
}

static inline void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(97);
}
