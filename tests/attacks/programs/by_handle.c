// Opens a file by its handle, past every folder's permissions: by_handle FILE. Prints how much of it could be read. Where
// the handle is not told, it tries that of the file system's root (inode 2).
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  struct file_handle* handle = calloc(1, sizeof(struct file_handle) + MAX_HANDLE_SZ);
  if (!handle) return 1;
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (name_to_handle_at(AT_FDCWD, argv[1], handle, &mount, 0) != 0) {
    perror("name_to_handle_at");
    const unsigned char root[8] = {2};
    handle->handle_bytes = sizeof(root);
    handle->handle_type = 1;
    memcpy(handle->f_handle, root, sizeof(root));
  }
  const int near = open(argv[1], O_RDONLY);
  const int fd = open_by_handle_at(near, handle, O_RDONLY);
  if (fd < 0) perror("open_by_handle_at");
  char data[64];
  printf("%zd bytes\n", read(fd, data, sizeof(data)));
  return 0;
}
