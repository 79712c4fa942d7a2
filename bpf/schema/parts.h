/*
 * Groups of fields that several records of events.def have. Included by events.def alone: at its head, where the groups
 * are made of the includer's FIELD, ARRAY and TEXT, and again at its end, which takes them back.
 *
 * FILE_PART comes right after a record's head, SOCK_PART right after FILE_PART and ADDR_PART right after that:
 * struct file_part, sock_part and addr_part (event.h) are the same fields, and records are read through them.
 */
#ifndef FILE_PART

/* What a descriptor's struct file is. All 0: there is none. */
#define FILE_PART(r)                                                                                     \
  FIELD(r, __u64, ino, UINT64, "inode")                                                                  \
  FIELD(r, __u32, dev, DEV, "its device")                                                                \
  FIELD(r, __u32, fmode, HEX32, "the kernel's f_mode: what was granted, and FMODE_CREATED")              \
  FIELD(r, __u32, i_mode, OCT32, "type and permissions")                                                 \
  FIELD(r, __u32, magic, HEX32, "magic number of its file system")                                       \
  FIELD(r, __u32, fd_flags, HEX32, "FDF_*: overlay layer, deleted")                                      \
  TEXT(r, realpath, FSPATH, "the kernel's path, as the process sees it; a name for what is in no folder")

/* What its struct sock is, if it is a socket. */
#define SOCK_PART(r)                                                                    \
  FIELD(r, __u64, source, HEX64, "unix sockets: this end")                              \
  FIELD(r, __u64, peer, HEX64, "unix sockets: the other end")                           \
  FIELD(r, __u16, family, SOCK_FAMILY, "AF_*")                                          \
  FIELD(r, __u16, socktype, UINT32, "SOCK_*")                                           \
  FIELD(r, __u16, l4proto, UINT32, "IPPROTO_*")                                         \
  FIELD(r, __u16, lport, PORT, "local port, host order")                                \
  FIELD(r, __u16, rport, PORT, "remote port, host order")                               \
  FIELD(r, __u16, state, UINT32, "socket state: TCP_* of include/net/tcp_states.h")     \
  FIELD(r, __u16, sk_flags, HEX32, "SKF_*: role, and whether the name changed")         \
  PAD(r, __u16, pad_sock)                                                               \
  ARRAY(r, __u8, laddr, 16, ADDRESS, "local address: IPv4 in the first 4 bytes")        \
  ARRAY(r, __u8, raddr, 16, ADDRESS, "remote address")                                  \
  TEXT(r, path, FSPATH, "unix sockets: path, abstract names with a leading @")          \
  PAD(r, __u32, pad_path)

/* An address among the arguments. */
#define ADDR_PART(r)                                                       \
  ARRAY(r, __u8, aaddr, 16, ADDRESS, "address of the argument")            \
  FIELD(r, __u16, aport, PORT, "port of the argument, host order")         \
  FIELD(r, __u16, afamily, SOCK_FAMILY, "family of the argument, 0 if none") \
  PAD(r, __u32, pad_addr)

/* The arguments as the registers had them. Parameters read them as their kinds say. */
#define ARGS_PART(r)                              \
  FIELD(r, __u64, a0, HEX64, "first argument")    \
  FIELD(r, __u64, a1, HEX64, "second argument")   \
  FIELD(r, __u64, a2, HEX64, "third argument")    \
  FIELD(r, __u64, a3, HEX64, "fourth argument")   \
  FIELD(r, __u64, a4, HEX64, "fifth argument")    \
  FIELD(r, __u64, a5, HEX64, "sixth argument")    \
  FIELD(r, __u32, nr, UINT32, "the call's number") \
  PAD(r, __u32, pad_args)

/* What the process has used, and may use. */
#define USAGE_PART(r)                                                              \
  FIELD(r, __u64, fdlimit, UINT64, "most descriptors it may have")                 \
  FIELD(r, __u64, pgft_maj, UINT64, "major page faults")                           \
  FIELD(r, __u64, pgft_min, UINT64, "minor page faults")                           \
  FIELD(r, __u64, pidns_init_ns, ABSTIME, "start_boottime of its pid namespace's init") \
  FIELD(r, __u32, vm_size, UINT32, "virtual memory, KiB")                          \
  FIELD(r, __u32, vm_rss, UINT32, "resident memory, KiB")                          \
  FIELD(r, __u32, vm_swap, UINT32, "swapped memory, KiB")                          \
  PAD(r, __u32, pad_usage)

/* What a standard descriptor is when a program starts. All 0: it is closed. */
#define STDIO_PART(r, p)                                                      \
  FIELD(r, __u64, p##_ino, UINT64, #p ": inode")                              \
  FIELD(r, __u64, p##_source, HEX64, #p ": unix sockets: this end")           \
  FIELD(r, __u64, p##_peer, HEX64, #p ": unix sockets: the other end")        \
  FIELD(r, __u32, p##_mode, OCT32, #p ": type and permissions")               \
  FIELD(r, __u32, p##_magic, HEX32, #p ": magic number of its file system")   \
  FIELD(r, __u16, p##_family, SOCK_FAMILY, #p ": AF_* of a socket")           \
  FIELD(r, __u16, p##_flags, HEX32, #p ": SKF_* of a socket")                 \
  FIELD(r, __u16, p##_lport, PORT, #p ": local port")                         \
  FIELD(r, __u16, p##_rport, PORT, #p ": remote port")                        \
  ARRAY(r, __u8, p##_laddr, 16, ADDRESS, #p ": local address")                \
  ARRAY(r, __u8, p##_raddr, 16, ADDRESS, #p ": remote address")               \
  TEXT(r, p##_name, FSPATH, #p ": path or name")                              \
  PAD(r, __u32, p##_pad)

/* Lists of parameters that several events share. */
#define CLONE_PARAMS                                                                                                 \
  "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid:UINT32 gid:UINT32 vtid vpid " \
  "pidns_init_start_ts"
#define EXEC_PARAMS                                                                                                     \
  "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty vpgid loginuid " \
  "flags cap_inheritable cap_permitted cap_effective exe_ino exe_ino_ctime exe_ino_mtime uid trusted_exepath pgid gid"
#define GENERIC_PARAMS "ID=nr:SYSCALLID nativeID=nr:UINT16 res" /* Falco's two, and the result, which it does not tell */

#else
#undef FILE_PART
#undef SOCK_PART
#undef ADDR_PART
#undef ARGS_PART
#undef USAGE_PART
#undef STDIO_PART
#undef CLONE_PARAMS
#undef EXEC_PARAMS
#undef GENERIC_PARAMS
#endif
