/* replay_main.c: the main of a fuzz target in ordinary test runs: feeds it every file of its seed corpus once.
 * Usage: f_json CORPUS_FOLDER. An empty or absent corpus is a failure: a target without seeds tests nothing. */
#include "base/buf.h"

#include <dirent.h>

#define MAX_REPLAY_BYTES (16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int replay_file(const char *path)
{
    struct buf input = BUF_LIMIT(MAX_REPLAY_BYTES);
    struct err e = {0};

    enum rc rc = buf_read_file(&input, path, &e);
    if (rc) {
        fprintf(stderr, "%s: %s\n", path, e.text);
    } else {
        struct str bytes = buf_str(&input);
        (void)LLVMFuzzerTestOneInput((const uint8_t *)(bytes.p ? bytes.p : ""), bytes.n);
    }
    buf_dispose(&input);
    return rc ? -1 : 0;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    int count = 0;

    if (!folder) {
        fprintf(stderr, "%s: no corpus folder %s\n", argv[0], argc == 2 ? argv[1] : "given");
        return 1;
    }
    for (const struct dirent *d = readdir(folder); d; d = readdir(folder)) {
        char path[4096];
        if (d->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", argv[1], d->d_name);
        if (replay_file(path) != 0) {
            return 1;
        }
        count++;
    }
    closedir(folder);
    printf("%s: %d inputs replayed\n", argv[0], count);
    return count > 0 ? 0 : 1;
}
