/* statistics.c: see statistics.h. */
#include "kinds/run_prompt/statistics.h"

#include <math.h>

#define Z 1.959963984540054 /* of the normal distribution, 95 % */

struct interval wilson(int64_t hits, int64_t runs)
{
    if (runs <= 0) {
        return (struct interval){0, 1};
    }
    double n = (double)runs;
    double p = (double)hits / n;
    double middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n);
    double half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n);
    return (struct interval){fmax(0, middle - half), fmin(1, middle + half)};
}
