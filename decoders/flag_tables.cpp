#include "decoders/flag_tables.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/prctl.h>
#include <sys/stat.h>

// The numbers are the kernel's (uapi headers); names and their order are Falco's. A number stands here where the header
// of an older system lacks the name.
namespace tiercel::decoders::flag_tables {
namespace {

constexpr FlagName kCreatFlags[] = {
    {"FD_UPPER_LAYER_CREAT", FDF_UPPER_LAYER},
    {"FD_LOWER_LAYER_CREAT", FDF_LOWER_LAYER},
};
constexpr FlagName kUnlinkatFlags[] = {
    {"AT_REMOVEDIR", AT_REMOVEDIR},
};
constexpr FlagName kLinkatFlags[] = {
    {"AT_SYMLINK_FOLLOW", AT_SYMLINK_FOLLOW},
    {"AT_EMPTY_PATH", AT_EMPTY_PATH},
};
constexpr FlagName kRenameat2Flags[] = {
    {"RENAME_NOREPLACE", 1},
    {"RENAME_EXCHANGE", 2},
    {"RENAME_WHITEOUT", 4},
};
constexpr FlagName kFchownatFlags[] = {
    {"AT_SYMLINK_NOFOLLOW", AT_SYMLINK_NOFOLLOW},
    {"AT_EMPTY_PATH", AT_EMPTY_PATH},
};
constexpr FlagName kUmountFlags[] = {
    {"FORCE", 1},
    {"DETACH", 2},
    {"EXPIRE", 4},
    {"NOFOLLOW", 8},
};
constexpr FlagName kSockTypeFlags[] = {{"O_NONBLOCK", 04000}, {"O_CLOEXEC", 02000000}, {"O_NONE", 0}};
// Of calls that make descriptors and open nothing: bits of open(2), without its access modes.
constexpr FlagName kNewfdFlags[] = {{"O_DIRECTORY", O_DIRECTORY}, {"O_DIRECT", O_DIRECT}, {"O_TRUNC", 01000},
                                    {"O_SYNC", 04010000},         {"O_NONBLOCK", 04000},  {"O_EXCL", 0200},
                                    {"O_DSYNC", 010000},          {"O_APPEND", 02000},    {"O_CREAT", 0100},
                                    {"O_CLOEXEC", 02000000},      {"O_NONE", 0}};
constexpr FlagName kChmodMode[] = {
    {"S_IXOTH", S_IXOTH}, {"S_IWOTH", S_IWOTH}, {"S_IROTH", S_IROTH}, {"S_IXGRP", S_IXGRP},
    {"S_IWGRP", S_IWGRP}, {"S_IRGRP", S_IRGRP}, {"S_IXUSR", S_IXUSR}, {"S_IWUSR", S_IWUSR},
    {"S_IRUSR", S_IRUSR}, {"S_ISVTX", S_ISVTX}, {"S_ISGID", S_ISGID}, {"S_ISUID", S_ISUID},
};
constexpr FlagName kMknodMode[] = {
    {"S_IXOTH", S_IXOTH}, {"S_IWOTH", S_IWOTH},   {"S_IROTH", S_IROTH}, {"S_IXGRP", S_IXGRP}, {"S_IWGRP", S_IWGRP},
    {"S_IRGRP", S_IRGRP}, {"S_IXUSR", S_IXUSR},   {"S_IWUSR", S_IWUSR}, {"S_IRUSR", S_IRUSR}, {"S_ISVTX", S_ISVTX},
    {"S_ISGID", S_ISGID}, {"S_ISUID", S_ISUID},   {"S_IFREG", S_IFREG}, {"S_IFCHR", S_IFCHR}, {"S_IFBLK", S_IFBLK},
    {"S_IFIFO", S_IFIFO}, {"S_IFSOCK", S_IFSOCK},
};
constexpr FlagName kProtFlags[] = {
    {"PROT_READ", PROT_READ},       {"PROT_WRITE", PROT_WRITE},   {"PROT_EXEC", PROT_EXEC}, {"PROT_SEM", 8},
    {"PROT_GROWSDOWN", 0x01000000}, {"PROT_GROWSUP", 0x02000000}, {"PROT_SAO", 0x10},       {"PROT_NONE", PROT_NONE},
};
constexpr FlagName kMmapFlags[] = {
    {"MAP_SHARED", 1},         {"MAP_PRIVATE", 2},        {"MAP_FIXED", 0x10},        {"MAP_ANONYMOUS", 0x20},
    {"MAP_32BIT", 0x40},       {"MAP_NORESERVE", 0x4000}, {"MAP_POPULATE", 0x8000},   {"MAP_NONBLOCK", 0x10000},
    {"MAP_GROWSDOWN", 0x0100}, {"MAP_DENYWRITE", 0x0800}, {"MAP_EXECUTABLE", 0x1000}, {"MAP_LOCKED", 0x2000},
};
constexpr FlagName kMemfdCreateFlags[] = {
    {"MFD_CLOEXEC", 1},
    {"MFD_ALLOW_SEALING", 2},
    {"MFD_HUGETLB", 4},
};
constexpr FlagName kPidfdOpenFlags[] = {
    {"PIDFD_NONBLOCK", 04000},
};
constexpr FlagName kDeleteModuleFlags[] = {
    {"O_NONBLOCK", 04000},
    {"O_TRUNC", 01000},
};
constexpr FlagName kFinitModuleFlags[] = {
    {"MODULE_INIT_IGNORE_MODVERSIONS", MODULE_INIT_IGNORE_MODVERSIONS},
    {"MODULE_INIT_IGNORE_VERMAGIC", MODULE_INIT_IGNORE_VERMAGIC},
    {"MODULE_INIT_COMPRESSED_FILE", 4},
};
constexpr FlagName kEpollCreate1Flags[] = {
    {"EPOLL_CLOEXEC", 02000000},
};
constexpr FlagName kIoUringSetupFlags[] = {
    {"IORING_SETUP_IOPOLL", IORING_SETUP_IOPOLL},         {"IORING_SETUP_SQPOLL", IORING_SETUP_SQPOLL},
    {"IORING_SETUP_SQ_AFF", IORING_SETUP_SQ_AFF},         {"IORING_SETUP_CQSIZE", IORING_SETUP_CQSIZE},
    {"IORING_SETUP_CLAMP", IORING_SETUP_CLAMP},           {"IORING_SETUP_ATTACH_RW", IORING_SETUP_ATTACH_WQ},
    {"IORING_SETUP_R_DISABLED", IORING_SETUP_R_DISABLED},
};
constexpr FlagName kIoUringSetupFeats[] = {
    {"IORING_FEAT_SINGLE_MMAP", IORING_FEAT_SINGLE_MMAP},
    {"IORING_FEAT_NODROP", IORING_FEAT_NODROP},
    {"IORING_FEAT_SUBMIT_STABLE", IORING_FEAT_SUBMIT_STABLE},
    {"IORING_FEAT_RW_CUR_POS", IORING_FEAT_RW_CUR_POS},
    {"IORING_FEAT_CUR_PERSONALITY", IORING_FEAT_CUR_PERSONALITY},
    {"IORING_FEAT_FAST_POLL", IORING_FEAT_FAST_POLL},
    {"IORING_FEAT_POLL_32BITS", IORING_FEAT_POLL_32BITS},
    {"IORING_FEAT_SQPOLL_NONFIXED", IORING_FEAT_SQPOLL_NONFIXED},
    {"IORING_FEAT_ENTER_EXT_ARG", IORING_FEAT_EXT_ARG},
    {"IORING_FEAT_NATIVE_WORKERS", IORING_FEAT_NATIVE_WORKERS},
    {"IORING_FEAT_RSRC_TAGS", IORING_FEAT_RSRC_TAGS},
};
constexpr FlagName kIoUringEnterFlags[] = {
    {"IORING_ENTER_GETEVENTS", IORING_ENTER_GETEVENTS},
    {"IORING_ENTER_SQ_WAKEUP", IORING_ENTER_SQ_WAKEUP},
    {"IORING_ENTER_SQ_WAIT", IORING_ENTER_SQ_WAIT},
    {"IORING_ENTER_EXT_ARG", IORING_ENTER_EXT_ARG},
};
constexpr FlagName kIoUringRegisterOpcodes[] = {
    {"IORING_REGISTER_BUFFERS", IORING_REGISTER_BUFFERS},
    {"IORING_UNREGISTER_BUFFERS", IORING_UNREGISTER_BUFFERS},
    {"IORING_REGISTER_FILES", IORING_REGISTER_FILES},
    {"IORING_UNREGISTER_FILES", IORING_UNREGISTER_FILES},
    {"IORING_REGISTER_EVENTFD", IORING_REGISTER_EVENTFD},
    {"IORING_UNREGISTER_EVENTFD", IORING_UNREGISTER_EVENTFD},
    {"IORING_REGISTER_FILES_UPDATE", IORING_REGISTER_FILES_UPDATE},
    {"IORING_REGISTER_EVENTFD_ASYNC", IORING_REGISTER_EVENTFD_ASYNC},
    {"IORING_REGISTER_PROBE", IORING_REGISTER_PROBE},
    {"IORING_REGISTER_PERSONALITY", IORING_REGISTER_PERSONALITY},
    {"IORING_UNREGISTER_PERSONALITY", IORING_UNREGISTER_PERSONALITY},
    {"IORING_REGISTER_RESTRICTIONS", IORING_REGISTER_RESTRICTIONS},
    {"IORING_REGISTER_ENABLE_RINGS", IORING_REGISTER_ENABLE_RINGS},
    {"IORING_REGISTER_FILES2", IORING_REGISTER_FILES2},
    {"IORING_REGISTER_FILES_UPDATE2", IORING_REGISTER_FILES_UPDATE2},
    {"IORING_REGISTER_BUFFERS2", IORING_REGISTER_BUFFERS2},
    {"IORING_REGISTER_BUFFERS_UPDATE", IORING_REGISTER_BUFFERS_UPDATE},
    {"IORING_REGISTER_IOWQ_AFF", IORING_REGISTER_IOWQ_AFF},
    {"IORING_UNREGISTER_IOWQ_AFF", IORING_UNREGISTER_IOWQ_AFF},
    {"IORING_REGISTER_IOWQ_MAX_WORKERS", IORING_REGISTER_IOWQ_MAX_WORKERS},
    {"IORING_REGISTER_RING_FDS", IORING_REGISTER_RING_FDS},
    {"IORING_UNREGISTER_RING_FDS", IORING_UNREGISTER_RING_FDS},
};
constexpr FlagName kShutdownHow[] = {
    {"SHUT_RDWR", 2},
    {"SHUT_WR", 1},
    {"SHUT_RD", 0},
};
constexpr FlagName kFcntlCommands[] = {
    {"F_GETPIPE_SZ", 1032}, {"F_SETPIPE_SZ", 1031}, {"F_NOTIFY", 1026},   {"F_DUPFD_CLOEXEC", 1030},
    {"F_CANCELLK", 1029},   {"F_GETLEASE", 1025},   {"F_SETLEASE", 1024}, {"F_GETOWN_EX", 16},
    {"F_SETOWN_EX", 15},    {"F_SETLKW64", 14},     {"F_SETLK64", 13},    {"F_GETLK64", 12},
    {"F_GETSIG", 11},       {"F_SETSIG", 10},       {"F_GETOWN", 9},      {"F_SETOWN", 8},
    {"F_SETLKW", 7},        {"F_SETLK", 6},         {"F_GETLK", 5},       {"F_SETFL", 4},
    {"F_GETFL", 3},         {"F_SETFD", 2},         {"F_GETFD", 1},       {"F_DUPFD", 0},
    {"F_OFD_GETLK", 36},    {"F_OFD_SETLK", 37},    {"F_OFD_SETLKW", 38},
};
constexpr FlagName kBpfCommands[] = {
    {"BPF_MAP_CREATE", BPF_MAP_CREATE},
    {"BPF_MAP_LOOKUP_ELEM", BPF_MAP_LOOKUP_ELEM},
    {"BPF_MAP_UPDATE_ELEM", BPF_MAP_UPDATE_ELEM},
    {"BPF_MAP_DELETE_ELEM", BPF_MAP_DELETE_ELEM},
    {"BPF_MAP_GET_NEXT_KEY", BPF_MAP_GET_NEXT_KEY},
    {"BPF_PROG_LOAD", BPF_PROG_LOAD},
    {"BPF_OBJ_PIN", BPF_OBJ_PIN},
    {"BPF_OBJ_GET", BPF_OBJ_GET},
    {"BPF_PROG_ATTACH", BPF_PROG_ATTACH},
    {"BPF_PROG_DETACH", BPF_PROG_DETACH},
    {"BPF_PROG_TEST_RUN", 10},
    {"BPF_PROG_RUN", 10},
    {"BPF_PROG_GET_NEXT_ID", BPF_PROG_GET_NEXT_ID},
    {"BPF_MAP_GET_NEXT_ID", BPF_MAP_GET_NEXT_ID},
    {"BPF_PROG_GET_FD_BY_ID", BPF_PROG_GET_FD_BY_ID},
    {"BPF_MAP_GET_FD_BY_ID", BPF_MAP_GET_FD_BY_ID},
    {"BPF_OBJ_GET_INFO_BY_FD", BPF_OBJ_GET_INFO_BY_FD},
    {"BPF_PROG_QUERY", BPF_PROG_QUERY},
    {"BPF_RAW_TRACEPOINT_OPEN", BPF_RAW_TRACEPOINT_OPEN},
    {"BPF_BTF_LOAD", BPF_BTF_LOAD},
    {"BPF_BTF_GET_FD_BY_ID", BPF_BTF_GET_FD_BY_ID},
    {"BPF_TASK_FD_QUERY", BPF_TASK_FD_QUERY},
    {"BPF_MAP_LOOKUP_AND_DELETE_ELEM", BPF_MAP_LOOKUP_AND_DELETE_ELEM},
    {"BPF_MAP_FREEZE", BPF_MAP_FREEZE},
    {"BPF_BTF_GET_NEXT_ID", BPF_BTF_GET_NEXT_ID},
    {"BPF_MAP_LOOKUP_BATCH", BPF_MAP_LOOKUP_BATCH},
    {"BPF_MAP_LOOKUP_AND_DELETE_BATCH", BPF_MAP_LOOKUP_AND_DELETE_BATCH},
    {"BPF_MAP_UPDATE_BATCH", BPF_MAP_UPDATE_BATCH},
    {"BPF_MAP_DELETE_BATCH", BPF_MAP_DELETE_BATCH},
    {"BPF_LINK_CREATE", BPF_LINK_CREATE},
    {"BPF_LINK_UPDATE", BPF_LINK_UPDATE},
    {"BPF_LINK_GET_FD_BY_ID", BPF_LINK_GET_FD_BY_ID},
    {"BPF_LINK_GET_NEXT_ID", BPF_LINK_GET_NEXT_ID},
    {"BPF_ENABLE_STATS", BPF_ENABLE_STATS},
    {"BPF_ITER_CREATE", BPF_ITER_CREATE},
    {"BPF_LINK_DETACH", BPF_LINK_DETACH},
    {"BPF_PROG_BIND_MAP", BPF_PROG_BIND_MAP},
};
constexpr FlagName kFsconfigCmds[] = {
    {"FSCONFIG_SET_FLAG", 0},   {"FSCONFIG_SET_STRING", 1},      {"FSCONFIG_SET_BINARY", 2},
    {"FSCONFIG_SET_PATH", 3},   {"FSCONFIG_SET_PATH_EMPTY", 4},  {"FSCONFIG_SET_FD", 5},
    {"FSCONFIG_CMD_CREATE", 6}, {"FSCONFIG_CMD_RECONFIGURE", 7},
};
constexpr FlagName kPrctlOptions[] = {
    {"PR_GET_DUMPABLE", PR_GET_DUMPABLE},
    {"PR_SET_DUMPABLE", PR_SET_DUMPABLE},
    {"PR_GET_KEEPCAPS", PR_GET_KEEPCAPS},
    {"PR_SET_KEEPCAPS", PR_SET_KEEPCAPS},
    {"PR_SET_NAME", PR_SET_NAME},
    {"PR_GET_NAME", PR_GET_NAME},
    {"PR_GET_SECCOMP", PR_GET_SECCOMP},
    {"PR_SET_SECCOMP", PR_SET_SECCOMP},
    {"PR_CAPBSET_READ", PR_CAPBSET_READ},
    {"PR_CAPBSET_DROP", PR_CAPBSET_DROP},
    {"PR_GET_SECUREBITS", PR_GET_SECUREBITS},
    {"PR_SET_SECUREBITS", PR_SET_SECUREBITS},
    {"PR_MCE_KILL", PR_MCE_KILL},
    {"PR_SET_MM", PR_SET_MM},
    {"PR_SET_CHILD_SUBREAPER", PR_SET_CHILD_SUBREAPER},
    {"PR_GET_CHILD_SUBREAPER", PR_GET_CHILD_SUBREAPER},
    {"PR_SET_NO_NEW_PRIVS", PR_SET_NO_NEW_PRIVS},
    {"PR_GET_NO_NEW_PRIVS", PR_GET_NO_NEW_PRIVS},
    {"PR_GET_TID_ADDRESS", PR_GET_TID_ADDRESS},
    {"PR_SET_THP_DISABLE", PR_SET_THP_DISABLE},
    {"PR_GET_THP_DISABLE", PR_GET_THP_DISABLE},
    {"PR_CAP_AMBIENT", PR_CAP_AMBIENT},
};
constexpr FlagName kKeyctlOperations[] = {
    {"KEYCTL_GET_KEYRING_ID", KEYCTL_GET_KEYRING_ID},
    {"KEYCTL_JOIN_SESSION_KEYRING", KEYCTL_JOIN_SESSION_KEYRING},
    {"KEYCTL_UPDATE", KEYCTL_UPDATE},
    {"KEYCTL_REVOKE", KEYCTL_REVOKE},
    {"KEYCTL_CHOWN", KEYCTL_CHOWN},
    {"KEYCTL_SETPERM", KEYCTL_SETPERM},
    {"KEYCTL_DESCRIBE", KEYCTL_DESCRIBE},
    {"KEYCTL_CLEAR", KEYCTL_CLEAR},
    {"KEYCTL_LINK", KEYCTL_LINK},
    {"KEYCTL_UNLINK", KEYCTL_UNLINK},
    {"KEYCTL_SEARCH", KEYCTL_SEARCH},
    {"KEYCTL_READ", KEYCTL_READ},
    {"KEYCTL_INSTANTIATE", KEYCTL_INSTANTIATE},
    {"KEYCTL_NEGATE", KEYCTL_NEGATE},
    {"KEYCTL_SET_REQKEY_KEYRING", KEYCTL_SET_REQKEY_KEYRING},
    {"KEYCTL_SET_TIMEOUT", KEYCTL_SET_TIMEOUT},
    {"KEYCTL_ASSUME_AUTHORITY", KEYCTL_ASSUME_AUTHORITY},
    {"KEYCTL_GET_SECURITY", KEYCTL_GET_SECURITY},
    {"KEYCTL_SESSION_TO_PARENT", KEYCTL_SESSION_TO_PARENT},
    {"KEYCTL_REJECT", KEYCTL_REJECT},
    {"KEYCTL_INSTANTIATE_IOV", KEYCTL_INSTANTIATE_IOV},
    {"KEYCTL_INVALIDATE", KEYCTL_INVALIDATE},
    {"KEYCTL_GET_PERSISTENT", KEYCTL_GET_PERSISTENT},
    {"KEYCTL_DH_COMPUTE", KEYCTL_DH_COMPUTE},
    {"KEYCTL_PKEY_QUERY", KEYCTL_PKEY_QUERY},
    {"KEYCTL_PKEY_ENCRYPT", KEYCTL_PKEY_ENCRYPT},
    {"KEYCTL_PKEY_DECRYPT", KEYCTL_PKEY_DECRYPT},
    {"KEYCTL_PKEY_SIGN", KEYCTL_PKEY_SIGN},
    {"KEYCTL_PKEY_VERIFY", KEYCTL_PKEY_VERIFY},
    {"KEYCTL_RESTRICT_KEYRING", KEYCTL_RESTRICT_KEYRING},
    {"KEYCTL_MOVE", 30},
    {"KEYCTL_CAPABILITIES", 31},
    {"KEYCTL_WATCH_KEY", 32},
};

}  // namespace

constinit const std::span<const FlagName> creat_flags = kCreatFlags, unlinkat_flags = kUnlinkatFlags,
                                          linkat_flags = kLinkatFlags, renameat2_flags = kRenameat2Flags,
                                          fchownat_flags = kFchownatFlags, umount_flags = kUmountFlags,
                                          sock_type_flags = kSockTypeFlags, newfd_flags = kNewfdFlags,
                                          chmod_mode = kChmodMode, mknod_mode = kMknodMode, prot_flags = kProtFlags,
                                          mmap_flags = kMmapFlags, memfd_create_flags = kMemfdCreateFlags,
                                          pidfd_open_flags = kPidfdOpenFlags, delete_module_flags = kDeleteModuleFlags,
                                          finit_module_flags = kFinitModuleFlags,
                                          epoll_create1_flags = kEpollCreate1Flags,
                                          io_uring_setup_flags = kIoUringSetupFlags,
                                          io_uring_setup_feats = kIoUringSetupFeats,
                                          io_uring_enter_flags = kIoUringEnterFlags,
                                          io_uring_register_opcodes = kIoUringRegisterOpcodes,
                                          shutdown_how = kShutdownHow, fcntl_commands = kFcntlCommands,
                                          bpf_commands = kBpfCommands, fsconfig_cmds = kFsconfigCmds,
                                          prctl_options = kPrctlOptions, keyctl_operations = kKeyctlOperations;

}  // namespace tiercel::decoders::flag_tables
