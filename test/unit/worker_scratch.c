/* Scratch folders: private, and gone afterwards, also those of supervisors that were killed. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "worker/scratch.h"

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void write_file(const char *folder, const char *name)
{
    char path[1024];
    str_print(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0400);
    CHECK_TRUE(fd >= 0);
    close(fd);
}

TEST(a_scratch_folder_is_private_and_removed_with_all_below_it)
{
    struct scratch s;
    struct stat st;
    char folder[SCRATCH_PATH_BYTES];
    char below[SCRATCH_PATH_BYTES + 16];
    OK(scratch_open(&s, test_path("base"), e));
    OK(scratch_make(&s, STR("job-1"), folder, sizeof(folder), e));
    CHECK_INT(stat(folder, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0700);
    str_print(below, sizeof(below), "%s/below", folder);
    CHECK_INT(mkdir(below, 0700), 0);
    write_file(below, "file");
    CHECK_INT(chmod(below, 0), 0); /* a job may take its own rights away */
    scratch_remove(folder);
    CHECK_FALSE(exists(folder));
    scratch_close(&s);
    CHECK_FALSE(exists(s.root));
}

TEST(a_link_in_a_scratch_folder_is_removed_and_not_followed)
{
    struct scratch s;
    char folder[SCRATCH_PATH_BYTES];
    char link_path[SCRATCH_PATH_BYTES + 16];
    write_file(test_dir(), "precious");
    OK(scratch_open(&s, test_path("base"), e));
    OK(scratch_make(&s, STR("job-1"), folder, sizeof(folder), e));
    str_print(link_path, sizeof(link_path), "%s/link", folder);
    CHECK_INT(symlink(test_dir(), link_path), 0);
    scratch_remove(folder);
    CHECK_FALSE(exists(folder));
    CHECK_TRUE(exists(test_path("precious")));
    scratch_close(&s);
}

TEST(what_a_killed_supervisor_left_is_swept_and_what_a_living_one_has_is_not)
{
    struct scratch living;
    struct scratch next;
    char dead_root[SCRATCH_PATH_BYTES];
    int pipe_fds[2];
    OK(scratch_open(&living, test_path("base"), e));
    CHECK_INT(pipe(pipe_fds), 0);
    pid_t pid = fork();
    if (pid == 0) { /* dies without a word, as by kill -9 */
        struct scratch mine;
        struct err ignored;
        bool is_open = scratch_open(&mine, test_path("base"), &ignored) == RC_OK;
        _exit(is_open && write(pipe_fds[1], mine.root, sizeof(mine.root)) == (ssize_t)sizeof(mine.root) ? 0
                                                                                                        : 1);
    }
    CHECK_INT(read(pipe_fds[0], dead_root, sizeof(dead_root)), sizeof(dead_root));
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    CHECK_TRUE(exists(dead_root));
    OK(scratch_open(&next, test_path("base"), e));
    CHECK_FALSE(exists(dead_root));
    CHECK_TRUE(exists(living.root));
    scratch_close(&next);
    scratch_close(&living);
}
