/*
 * What watches a system call, as events.def says it. Most calls need no program of their own: a few shared ones are
 * attached to as many calls as wanted, and a cookie (bpf_get_attach_cookie, v5.15) tells them the event type, the ring
 * and which arguments are paths, descriptors or texts.
 */
#pragma once

enum hook_shape {
	SHAPE_NONE,  /* no system call: told by the process hooks */
	SHAPE_OWN,   /* the program sys_exit__NAME */
	SHAPE_CALL,  /* numbers, and perhaps one text */
	SHAPE_DESC,  /* one descriptor: an argument, or what the call made */
	SHAPE_PATH,  /* one path */
	SHAPE_PATHS, /* two paths */
	SHAPE_OPEN,  /* a path, flags, a mode: opens a file */
};

/* In place of an argument's number (0 to 5). */
#define HOOK_NO_ARG 15
#define HOOK_RESULT 14

/* shape:4 | four argument numbers:4 each | text's argument:4 */
#define HOOK(shape, a, b, c, d, text) \
	((shape) | (a) << 4 | (b) << 8 | (c) << 12 | (d) << 16 | (text) << 20)
#define HOOK_ARG_ HOOK_NO_ARG /* "_": the call has no such argument */
#define HOOK_ARG0 0
#define HOOK_ARG1 1
#define HOOK_ARG2 2
#define HOOK_ARG3 3
#define HOOK_ARG(n) HOOK_ARG##n

#define H_NONE HOOK(SHAPE_NONE, 15, 15, 15, 15, 15)
#define H_OWN HOOK(SHAPE_OWN, 15, 15, 15, 15, 15)
#define H_CALL HOOK(SHAPE_CALL, 15, 15, 15, 15, 15)
#define H_CALL_TEXT(t) HOOK(SHAPE_CALL, 15, 15, 15, 15, t)
#define H_DESC(fd) HOOK(SHAPE_DESC, fd, 15, 15, 15, 15)
#define H_DESC_TEXT(fd, t) HOOK(SHAPE_DESC, fd, 15, 15, 15, t)
#define H_MADE HOOK(SHAPE_DESC, HOOK_RESULT, 15, 15, 15, 15)
#define H_MADE_TEXT(t) HOOK(SHAPE_DESC, HOOK_RESULT, 15, 15, 15, t)
#define H_MADE_FROM(fd) HOOK(SHAPE_DESC, HOOK_RESULT, fd, 15, 15, 15) /* the argument, where the call failed */
#define H_PATH(dir, path) HOOK(SHAPE_PATH, HOOK_ARG(dir), path, 15, 15, 15)
#define H_PATH_TEXT(dir, path, t) HOOK(SHAPE_PATH, HOOK_ARG(dir), path, 15, 15, t)
#define H_PATHS(dir, path, dir2, path2) HOOK(SHAPE_PATHS, HOOK_ARG(dir), path, HOOK_ARG(dir2), path2, 15)

#define H_OPEN(dir, path, flags, mode) HOOK(SHAPE_OPEN, HOOK_ARG(dir), HOOK_ARG(path), HOOK_ARG(flags), HOOK_ARG(mode), 15)
#define H_OPEN_HOW(dir, path, how) HOOK(SHAPE_OPEN, HOOK_ARG(dir), HOOK_ARG(path), 15, 15, how) /* flags and mode in memory */

#define HOOK_SHAPE(hook) ((hook) & 15)
#define HOOK_NTH(hook, n) ((hook) >> (4 + 4 * (n)) & 15)
#define HOOK_TEXT(hook) ((hook) >> 20 & 15)

/* The cookie: hook | vital ring:1 at 31 | event type:16 at 32 */
#define COOKIE_VITAL (1ull << 31)
#define COOKIE_TYPE(cookie) ((cookie) >> 32 & 0xffff)
