/* Reads and writes: their arguments and bytes. */
#pragma once

#include "descriptors.h"

#include <sys/uio.h>

#define DATA_MAX 80 /* Falco's snaplen */
#define ABSENT_FD 999

/* 100 bytes, more than are kept; some of them print as dots. */
static inline void some_data(char *to)
{
	for (int i = 0; i < 100; i++)
		to[i] = "tiercel \"test\\ 0123456789 {}<>%"[i % 31];
	memcpy(to + 5, "\n\t\x01\x7f\x80\xff", 6);
}

/* One transfer. data: what went through, or what a failed write should have sent; NULL: nothing. */
struct transfer {
	const char *type;
	long result;
	int fd;
	bool reads;
	size_t size;
	const void *data;
};

static inline void data_text(char *to, const unsigned char *data, size_t size)
{
	size_t n = size < DATA_MAX ? size : DATA_MAX;

	for (size_t i = 0; i < n; i++)
		to[i] = data[i] >= 0x20 && data[i] < 0x7f ? data[i] : '.';
	to[n] = 0;
}

/* A buffer among the arguments. */
static inline void truth_data_arg(const char *key, const void *data, size_t size)
{
	char text[DATA_MAX + 8];

	if (!data || !size) {
		truth_text(key, "NULL");
		return;
	}
	data_text(text, data, size);
	if (size > DATA_MAX)
		strcat(text, "...");
	truth_text(key, text);
}

/* Begins the truth of a transfer; what its call has beyond this is for the caller to add. */
static inline void truth_transfer(const struct transfer *t, const struct seen *s)
{
	size_t size = t->result >= 0 ? (size_t)t->result : t->size;
	char text[DATA_MAX + 8];

	truth_begin(t->type, t->result);
	truth_errno_arg("evt.arg.res", t->result);
	truth_fd_arg("evt.arg.fd", t->fd, s);
	truth_textf("evt.arg.size", "%zu", t->size);
	truth_data_arg("evt.arg.data", t->data, size);
	if (t->data && size) {
		data_text(text, t->data, size);
		truth_text("evt.buffer", text);
	} else {
		truth_text("evt.buffer", NULL);
	}
	if (t->result >= 0)
		truth_number("evt.buflen", t->result);
	else
		truth_text("evt.buflen", NULL);
	truth_text("evt.category", io_category(s));
	truth_bool("evt.is_io_read", t->reads);
	truth_bool("evt.is_io_write", !t->reads);
	truth_text("evt.io_dir", t->reads ? "read" : "write");
	truth_seen(s);
}
