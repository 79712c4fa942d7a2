/* What /proc says of a process: for the events that tell what a process is and has used (clone, fork, exec). */
#pragma once

#include "truth.h"

#include <sys/resource.h>
#include <time.h>

static inline size_t read_file(const char *path, char *to, size_t size)
{
	int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
	size_t done = 0;
	ssize_t n;

	while (fd >= 0 && done < size - 1 && (n = read(fd, to + done, size - 1 - done)) > 0)
		done += n;
	to[done] = 0;
	close(fd);
	return done;
}

static inline unsigned long long status_field(const char *name, int base)
{
	char status[1 << 14];

	read_file("/proc/self/status", status, sizeof(status));
	const char *at = strstr(status, name);
	return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

/* A pid is shown as its process's name; where there is none, as its number. */
static inline void comm_of(const char *key, int pid)
{
	char path[64], comm[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	read_file(path, comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	if (pid > 0 && comm[0])
		truth_text(key, comm);
	else
		truth_textf(key, "%d", pid);
}

/* argv[0], and the rest with a dot for each NUL (falco-rules.md, 5.2). */
static inline void truth_argv(void)
{
	char line[8192];
	size_t n = read_file("/proc/self/cmdline", line, sizeof(line)), first = strlen(line) + 1;

	truth_text("evt.arg.exe", line);
	truth_text("proc.exe", line);
	for (size_t i = first; i < n; i++)
		line[i] = line[i] ? line[i] : '.';
	truth_text("evt.arg.args", n > first ? line + first : "NULL");
}

/* Figures that no program can state to the page are stated as numbers. */
static inline void truth_usage(void)
{
	struct rlimit limit;

	need(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
	truth_textf("evt.arg.fdlimit", "%llu", (unsigned long long)limit.rlim_cur);
	truth_number("proc.fdlimit", limit.rlim_cur);
	truth_like("evt.arg.pgft_maj", "^[0-9]+$");
	truth_like("evt.arg.pgft_min", "^[0-9]+$");
	truth_like("evt.arg.vm_size", "^[1-9][0-9]*$");
	truth_like("evt.arg.vm_rss", "^[0-9]+$"); /* counted per CPU: a small process may show none */
	truth_like("evt.arg.vm_swap", "^[0-9]+$");
}

/* A start time of /proc/PID/stat, in seconds since the epoch: whole ones, so to be compared with one to each side. */
static inline void truth_start_of(const char *key, const char *stat_path)
{
	char stat[4096], regex[128];
	unsigned long long ticks;
	struct timespec now, boot;

	read_file(stat_path, stat, sizeof(stat));
	need(sscanf(strrchr(stat, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		    &ticks) == 1, stat_path);
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	long at = now.tv_sec - boot.tv_sec + ticks / sysconf(_SC_CLK_TCK);
	snprintf(regex, sizeof(regex), "^(%ld|%ld|%ld)[0-9]{9}$", at - 1, at, at + 1);
	truth_like(key, regex);
}

/* A path, and with `up` any directory above it, escaped. In a cgroup namespace its beginning is not ours to see. */
static inline void cgroup_regex(char *to, size_t size, const char *path, bool up)
{
	char ns[64] = "";
	size_t n = 0, depth = 0;

	n += snprintf(to, size, "%s",
		      readlink("/proc/self/ns/cgroup", ns, sizeof(ns) - 1) > 0 && strcmp(ns, "cgroup:[4026531835]") ?
			      "[^=]*" : "");
	if (up)
		n += snprintf(to + n, size - n, "(?:/|");
	for (const char *c = path; *c && n + 16 < size; c++) {
		if (up && *c == '/' && c > path) {
			n += snprintf(to + n, size - n, "(?:");
			depth++;
		}
		n += snprintf(to + n, size - n, strchr(".+*?()[]{}|^$\\", *c) ? "\\%c" : "%c", *c);
	}
	for (; depth && n + 8 < size; depth--)
		n += snprintf(to + n, size - n, ")?");
	if (up)
		snprintf(to + n, size - n, ")");
}

/*
 * "controller=/path", each followed by `after`, in no stated order: each controller of a v1 hierarchy with its path; of
 * v2 the process's own path or, where a controller is not enabled so far down, one above it.
 */
static inline void truth_cgroups(const char *key, const char *after)
{
	static char file[1 << 14], regex[1 << 15], path[1 << 13];
	size_t n = snprintf(regex, sizeof(regex), "^");
	const char *v2 = "/";

	read_file("/proc/self/cgroup", file, sizeof(file));
	for (char *line = strtok(file, "\n"); line; line = strtok(NULL, "\n")) {
		char *names = strchr(line, ':') + 1, *where = strchr(names, ':');
		*where++ = 0;
		if (!names[0])
			v2 = where;
		if (!names[0] || strchr(names, '='))
			continue;
		cgroup_regex(path, sizeof(path), where, false);
		for (char *name = names; name; ) {
			char *comma = strchr(name, ',');
			if (comma)
				*comma++ = 0;
			/* the kernel's own name of blkio is io */
			n += snprintf(regex + n, sizeof(regex) - n, "(?=(?:.*%s)?%s=%s(?:%s|$))", after,
				      strcmp(name, "blkio") ? name : "(?:blk)?io", path, after);
			name = comma;
		}
	}
	cgroup_regex(path, sizeof(path), v2, true);
	if (n == 1)
		snprintf(regex + n, sizeof(regex) - n, "(?:[a-z_]+=%s(?:%s|$))+$", path, after);
	else
		snprintf(regex + n, sizeof(regex) - n, "(?:[a-z_]+=/[^=]*(?:%s|$))+$", after);
	truth_like(key, regex);
}
