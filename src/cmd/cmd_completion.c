/* cmd_completion.c: bash completion, made from the same two tables as the help. */
#include <stdio.h>

#include "cmd/command.h"

static void print_words(const char *text)
{
    struct str rest = str_from(text);
    while (rest.n) {
        struct str next = STR_NONE;
        struct str word = str_cut(rest, ' ', &next);
        if (word.n) {
            (void)printf(" --%.*s", STR_ARG(word));
        }
        rest = next;
    }
}

/* `source <(stint completion)` */
int cmd_completion(const struct options *o)
{
    (void)o;
    (void)fputs("# bash completion for stint: source <(stint completion)\n"
                "_stint() {\n"
                "    local word=${COMP_WORDS[COMP_CWORD]}\n"
                "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
                "        COMPREPLY=($(compgen -W \"",
                stdout);
    for (const struct command *c = command_table; c->name; c++) {
        (void)printf("%s%s", c == command_table ? "" : " ", c->name);
    }
    (void)fputs("\" -- \"$word\"))\n"
                "        return\n"
                "    fi\n"
                "    case ${COMP_WORDS[1]} in\n",
                stdout);
    for (const struct command *c = command_table; c->name; c++) {
        (void)printf("    %s) COMPREPLY=($(compgen -W \"--help", c->name);
        print_words(c->options);
        (void)fputs("\" -- \"$word\")) ;;\n", stdout);
    }
    (void)fputs("    esac\n"
                "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))\n"
                "}\n"
                "complete -o filenames -F _stint stint\n",
                stdout);
    return EXIT_OK;
}
