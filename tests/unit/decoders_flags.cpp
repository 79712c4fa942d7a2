// Names of bits and values, as Falco prints them (falco-rules.md 5.5).
#include "decoders/flags.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <string>

#include "bpf/schema/event.h"
#include "decoders/catalog.h"

using namespace tiercel::decoders;

TEST_CASE("modes of chmod: each bit, others' first") {
  CHECK(flags_text(Kind::kCHMOD_MODE, 0755) == "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR");
  CHECK(flags_text(Kind::kCHMOD_MODE, 04111) == "S_IXOTH|S_IXGRP|S_IXUSR|S_ISUID");
  CHECK(flags_text(Kind::kCHMOD_MODE, 07000) == "S_ISVTX|S_ISGID|S_ISUID");
  CHECK(flags_text(Kind::kCHMOD_MODE, 0) == "");
}

TEST_CASE("modes of mknod: permissions, then one type, which is a number among the bits") {
  CHECK(flags_text(Kind::kMKNOD_MODE, S_IFREG | 0600) == "S_IWUSR|S_IRUSR|S_IFREG");
  CHECK(flags_text(Kind::kMKNOD_MODE, S_IFCHR | 0600) == "S_IWUSR|S_IRUSR|S_IFCHR");
  CHECK(flags_text(Kind::kMKNOD_MODE, S_IFBLK | 0600) == "S_IWUSR|S_IRUSR|S_IFBLK");  // holds S_IFCHR's bit
  CHECK(flags_text(Kind::kMKNOD_MODE, S_IFIFO | 0600) == "S_IWUSR|S_IRUSR|S_IFIFO");
  CHECK(flags_text(Kind::kMKNOD_MODE, S_IFSOCK | 0600) == "S_IWUSR|S_IRUSR|S_IFSOCK");  // holds S_IFREG's
  CHECK(flags_text(Kind::kMKNOD_MODE, S_IFSOCK) == "S_IFSOCK");
  CHECK(flags_text(Kind::kMKNOD_MODE, 0600) == "S_IWUSR|S_IRUSR|S_IFREG");  // mknod(2): no type is a regular file
  CHECK(flags_text(Kind::kMKNOD_MODE, S_IFDIR | 0100) == "S_IXUSR");
}

TEST_CASE("nothing set: the table's own word for it, where it has one") {
  CHECK(flags_text(Kind::kPROT_FLAGS, PROT_NONE) == "PROT_NONE");
  CHECK(flags_text(Kind::kPROT_FLAGS, PROT_READ | PROT_EXEC) == "PROT_READ|PROT_EXEC");
  CHECK(flags_text(Kind::kPROT_FLAGS, PROT_READ | 0x100000) == "PROT_READ");
  CHECK(flags_text(Kind::kPROT_FLAGS, 0x100000) == "");  // not nothing, but nothing with a name
  CHECK(flags_text(Kind::kNEWFD_FLAGS, 0) == "O_NONE");
  CHECK(flags_text(Kind::kNEWFD_FLAGS, O_CLOEXEC | O_NONBLOCK) == "O_NONBLOCK|O_CLOEXEC");
  CHECK(flags_text(Kind::kSOCK_TYPE_FLAGS, 0) == "O_NONE");
  CHECK(flags_text(Kind::kMMAP_FLAGS, 0) == "");
  CHECK(flags_text(Kind::kUNLINKAT_FLAGS, 0) == "");
  CHECK(flags_text(Kind::kSHUTDOWN_HOW, 0) == "SHUT_RD");
  CHECK(flags_text(Kind::kSOCK_FAMILY, 0) == "AF_UNSPEC");
  CHECK(flags_text(Kind::kFSCONFIG_CMDS, 0) == "FSCONFIG_SET_FLAG");
}

TEST_CASE("commands of fcntl, known and not") {
  CHECK(flags_text(Kind::kFCNTL_COMMANDS, 0) == "F_DUPFD");
  CHECK(flags_text(Kind::kFCNTL_COMMANDS, F_DUPFD_CLOEXEC) == "F_DUPFD_CLOEXEC");
  CHECK(flags_text(Kind::kFCNTL_COMMANDS, F_SETPIPE_SZ) == "F_SETPIPE_SZ");
  CHECK(flags_text(Kind::kFCNTL_COMMANDS, 36) == "F_OFD_GETLK");
  CHECK(flags_text(Kind::kFCNTL_COMMANDS, 1033) == "UNKNOWN");  // F_ADD_SEALS has no name in Falco's table
  CHECK(flags_text(Kind::kFCNTL_COMMANDS, 4'000'000'000) == "UNKNOWN");
  // other enumerations say nothing of what they do not know
  CHECK(flags_text(Kind::kBPF_COMMANDS, 9999) == "");
  CHECK(flags_text(Kind::kPRCTL_OPTIONS, 9999) == "");
  CHECK(flags_text(Kind::kBPF_COMMANDS, 10) == "BPF_PROG_TEST_RUN|BPF_PROG_RUN");
}

TEST_CASE("an overlay's layers are names among an open's flags") {
  ev_open open{};
  open.flags = O_WRONLY | O_CREAT;
  CHECK(open_flags_text(open) == "O_CREAT|O_WRONLY");
  open.fmode = kFmodeCreated;
  open.fd_flags = FDF_UPPER_LAYER;
  CHECK(open_flags_text(open) == "O_CREAT|O_WRONLY|O_F_CREATED|FD_UPPER_LAYER");
  open = {};
  open.fd_flags = FDF_LOWER_LAYER | FDF_DELETED | FDF_FILE;
  CHECK(open_flags_text(open) == "O_RDONLY|FD_LOWER_LAYER");
  open.fd_flags |= FDF_UPPER_LAYER;
  CHECK(open_flags_text(open) == "O_RDONLY|FD_UPPER_LAYER|FD_LOWER_LAYER");
  CHECK(flags_text(Kind::kCREAT_FLAGS, FDF_UPPER_LAYER) == "FD_UPPER_LAYER_CREAT");
  CHECK(flags_text(Kind::kCREAT_FLAGS, FDF_LOWER_LAYER) == "FD_LOWER_LAYER_CREAT");
}

TEST_CASE("an open's flags that share bits") {
  CHECK(flags_text(Kind::kFILE_FLAGS, O_SYNC) == "O_SYNC|O_RDONLY");
  CHECK(flags_text(Kind::kFILE_FLAGS, O_DSYNC) == "O_DSYNC|O_RDONLY");
  CHECK(flags_text(Kind::kFILE_FLAGS, O_DIRECTORY | O_CLOEXEC) == "O_DIRECTORY|O_RDONLY|O_CLOEXEC");
}
