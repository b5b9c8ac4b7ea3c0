#!/bin/sh
# embed.sh FILE...: writes the C file that carries the files into the program (see src/base/asset.h).
# Each becomes `const char asset_PATH[]` (with '_' for what a C name cannot hold), ended by a NUL that its size does not count.
set -eu
echo '/* Made by tools/embed.sh. */'
echo '#include "base/asset.h"'
for f in "$@"; do
    id=$(printf '%s' "$f" | tr -c 'A-Za-z0-9' '_')
    echo "/* $f $(sha256sum <"$f" | cut -c1-64) */"
    cat <<C
__asm__(".pushsection .rodata\n.global asset_${id}\n.balign 16\nasset_${id}:\n.incbin \"$f\"\nasset_end_${id}:\n.byte 0\n.popsection\n");
extern const char asset_${id}[], asset_end_${id}[];
extern const size_t asset_${id}_size;
C
done
echo 'const struct asset asset_table[] = {'
for f in "$@"; do
    id=$(printf '%s' "$f" | tr -c 'A-Za-z0-9' '_')
    echo "    {\"$f\", asset_${id}, asset_end_${id}},"
done
echo '    {NULL, NULL, NULL},'
echo '};'
