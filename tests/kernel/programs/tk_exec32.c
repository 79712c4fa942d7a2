/* execve by the 32-bit entry, int 0x80, of a 64-bit program: told by every way to attach. Argument: a folder of its own. */
#include "image.h"
#include "int80.h"

#if defined(__x86_64__)
static void by_int80(void)
{
	unsigned int argv[] = {low_text("thirty-two"), low_text("image"), low_text("bits"), 0};
	unsigned int envp[] = {low_text(env[0]), 0};

	int80(I386_execve, low_text(image_path), low(argv, sizeof(argv)), low(envp, sizeof(envp)), 0);
}
#endif

int main(int argc, char **argv, char **envp)
{
	if (argc >= 3) {
		truth_image("execve", argc, argv, envp);
		truth_text("evt.arg.filename", truth_exe);
		truth_end();
		return 0;
	}
	need(argc == 2, "the folder");
	truth_types("execve", NULL);
	truth_own_start(argv, envp);
#if defined(__x86_64__)
	make_image(argv[1]);
	if (int80_works())
		in_child(by_int80);
#else
	(void)env;
#endif
	return 0;
}
