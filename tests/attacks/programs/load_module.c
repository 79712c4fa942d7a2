// Loads a kernel module, by either of the two calls for it: load_module file PATH (finit_module), load_module memory PATH
// (init_module, with the file's content).
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 2;
    }
    int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        perror(argv[2]);
        return 1;
    }
    long got = -1;
    if (strcmp(argv[1], "file") == 0) {
        got = syscall(SYS_finit_module, fd, "", 0);
    } else {
        struct stat status;
        fstat(fd, &status);
        char *text = malloc((size_t)status.st_size);
        if (text == NULL || read(fd, text, (size_t)status.st_size) != status.st_size) {
            return 1;
        }
        got = syscall(SYS_init_module, text, (unsigned long)status.st_size, "");
    }
    perror(got == 0 ? "loaded" : "not loaded");
    return got == 0 ? 0 : 1;
}
