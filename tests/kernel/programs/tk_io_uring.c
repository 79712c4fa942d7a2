/* io_uring_setup, io_uring_enter, io_uring_register: rings, wrong sizes, wrong descriptors. */
#include "descriptors.h"

#include <linux/io_uring.h>

enum { ABSENT_FD = 999 };

/* In Falco's words and order; what it has no word for is not shown. */
static const struct {
	unsigned int bit;
	const char *name;
} features[] = {
	{1u << 0, "IORING_FEAT_SINGLE_MMAP"},      {1u << 1, "IORING_FEAT_NODROP"},
	{1u << 2, "IORING_FEAT_SUBMIT_STABLE"},    {1u << 3, "IORING_FEAT_RW_CUR_POS"},
	{1u << 4, "IORING_FEAT_CUR_PERSONALITY"},  {1u << 5, "IORING_FEAT_FAST_POLL"},
	{1u << 6, "IORING_FEAT_POLL_32BITS"},      {1u << 7, "IORING_FEAT_SQPOLL_NONFIXED"},
	{1u << 8, "IORING_FEAT_ENTER_EXT_ARG"},    {1u << 9, "IORING_FEAT_NATIVE_WORKERS"},
	{1u << 10, "IORING_FEAT_RSRC_TAGS"},
};

static void truth_features(unsigned int bits)
{
	char text[512] = "";

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (!(bits & features[i].bit))
			continue;
		if (text[0])
			strcat(text, "|");
		strcat(text, features[i].name);
	}
	truth_text("evt.arg.features", text[0] ? text : "0");
}

static long do_setup(unsigned int entries, struct io_uring_params *params, const char *flags_text)
{
	static struct io_uring_params none;
	long result = result_of(syscall(SYS_io_uring_setup, entries, params));
	struct seen s = look(result);
	const struct io_uring_params *p = result == -EFAULT ? &none : params;

	truth_begin("io_uring_setup", result);
	truth_errno_arg("evt.arg.res", result);
	truth_textf("evt.arg.entries", "%u", entries);
	truth_textf("evt.arg.sq_entries", "%u", p->sq_entries);
	truth_textf("evt.arg.cq_entries", "%u", p->cq_entries);
	truth_text("evt.arg.flags", flags_text);
	truth_textf("evt.arg.sq_thread_cpu", "%u", p->sq_thread_cpu);
	truth_textf("evt.arg.sq_thread_idle", "%u", p->sq_thread_idle);
	truth_features(p->features);
	truth_text("evt.category", io_category(&s));
	if (result >= 0)
		truth_seen(&s);
	else
		truth_text("fd.num", NULL);
	truth_end();
	return result;
}

static void do_enter(int fd, unsigned int submit, unsigned int complete, unsigned int flags, const char *flags_text,
		     const void *sig)
{
	long result = result_of(syscall(SYS_io_uring_enter, fd, submit, complete, flags, sig, 8));
	struct seen s = look(fd);

	truth_begin("io_uring_enter", result);
	truth_errno_arg("evt.arg.res", result);
	truth_fd_arg("evt.arg.fd", fd, &s);
	truth_textf("evt.arg.to_submit", "%u", submit);
	truth_textf("evt.arg.min_complete", "%u", complete);
	truth_text("evt.arg.flags", flags_text);
	truth_textf("evt.arg.sig", "%lu", (unsigned long)sig); /* the pointer, in decimal: so is Falco's SIGSET */
	truth_text("evt.category", io_category(&s));
	truth_seen(&s);
	truth_end();
}

static void do_register(int fd, unsigned int opcode, const char *opcode_text, void *arg, unsigned int count)
{
	long result = result_of(syscall(SYS_io_uring_register, fd, opcode, arg, count));
	struct seen s = look(fd);

	truth_begin("io_uring_register", result);
	truth_errno_arg("evt.arg.res", result);
	truth_fd_arg("evt.arg.fd", fd, &s);
	truth_text("evt.arg.opcode", opcode_text);
	truth_textf("evt.arg.arg", "%lX", (unsigned long)arg);
	truth_textf("evt.arg.nr_args", "%u", count);
	truth_text("evt.category", io_category(&s));
	truth_seen(&s);
	truth_end();
}

static long setups(void)
{
	struct io_uring_params plain = {};
	struct io_uring_params sized = {.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, .cq_entries = 64};
	struct io_uring_params polled = {.flags = IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF, .sq_thread_idle = 100};
	struct io_uring_params none = {}, wrong = {.flags = IORING_SETUP_CQSIZE | 1u << 31};

	long ring = do_setup(5, &plain, "0");
	need(ring >= 0, "a ring");
	do_setup(8, &sized, "IORING_SETUP_CQSIZE|IORING_SETUP_CLAMP");
	long kept = do_setup(2, &polled, "IORING_SETUP_SQPOLL|IORING_SETUP_SQ_AFF");
	if (kept >= 0)
		close(kept); /* its thread goes away */
	do_setup(0, &none, "0");                    /* EINVAL */
	do_setup(4, &wrong, "IORING_SETUP_CQSIZE"); /* EINVAL */
	do_setup(4, (void *)8, "0");                /* EFAULT */
	return ring;
}

static void registers(int ring)
{
	static char buffer[4096];
	struct iovec iov = {buffer, sizeof(buffer)};
	int files[1] = {open("/dev/null", O_RDONLY)};
	static unsigned char probe[sizeof(struct io_uring_probe) + 8 * sizeof(struct io_uring_probe_op)];

	do_register(ring, IORING_REGISTER_BUFFERS, "IORING_REGISTER_BUFFERS", &iov, 1);
	do_register(ring, IORING_UNREGISTER_BUFFERS, "IORING_UNREGISTER_BUFFERS", NULL, 0);
	do_register(ring, IORING_UNREGISTER_BUFFERS, "IORING_UNREGISTER_BUFFERS", NULL, 0); /* ENXIO */
	do_register(ring, IORING_REGISTER_FILES, "IORING_REGISTER_FILES", files, 1);
	do_register(ring, IORING_REGISTER_PROBE, "IORING_REGISTER_PROBE", probe, 8);
	do_register(ring, IORING_REGISTER_PERSONALITY, "IORING_REGISTER_PERSONALITY", NULL, 0); /* gives an id */
	do_register(ring, 12345, "12345", NULL, 0);                                             /* EINVAL */
	do_register(files[0], IORING_REGISTER_BUFFERS, "IORING_REGISTER_BUFFERS", &iov, 1); /* no ring */
	do_register(ABSENT_FD, IORING_UNREGISTER_FILES, "IORING_UNREGISTER_FILES", NULL, 0);
}

static void enters(int ring)
{
	static unsigned long mask = 1;

	do_enter(ring, 0, 0, 0, "0", NULL);
	do_enter(ring, 3, 0, IORING_ENTER_GETEVENTS, "IORING_ENTER_GETEVENTS", &mask); /* nothing is there to submit */
	do_enter(ring, 0, 0, IORING_ENTER_SQ_WAIT | IORING_ENTER_SQ_WAKEUP,
		 "IORING_ENTER_SQ_WAKEUP|IORING_ENTER_SQ_WAIT", NULL);
	do_enter(ring, 1, 2, 1u << 31, "2147483648", NULL); /* EINVAL */
	do_enter(ABSENT_FD, 1, 1, IORING_ENTER_GETEVENTS, "IORING_ENTER_GETEVENTS", NULL);
	do_enter(-1, 1, 1, 0, "0", NULL);
}

int main(void)
{
	truth_types("io_uring_setup", "io_uring_enter", "io_uring_register", NULL);
	long ring = setups();
	enters(ring);
	registers(ring);
	return 0;
}
