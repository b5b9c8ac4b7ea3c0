/* banned.h: put before every source by the Makefile (-include). These functions do not compile here: they write past the
 * end (sprintf, strcpy, strcat, gets), hide errors (atoi), share hidden state between threads (strtok, localtime, strerror)
 * or start a shell (system). Use str_print, buf_printf, str_copy, str_to_i64, clock.h and err_from_errno.
 * The headers that declare them come first, because a poisoned name may not even be declared. */
#ifndef STINT_BASE_BANNED_H
#define STINT_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <wchar.h>

#pragma GCC poison sprintf vsprintf gets strcpy stpcpy strcat strncat strncpy
#pragma GCC poison strtok atoi atol atoll atof
#pragma GCC poison localtime gmtime ctime asctime strerror
#pragma GCC poison system popen tmpnam mktemp

#endif
