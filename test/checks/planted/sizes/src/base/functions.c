int long_function(int a)
{
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    a++;
    return a;
}

int seven(int a, int b, int c, int d, int e, void (*f)(int, int), int g)
{
    return a;
}

int deep(int a)
{
    if (a) {
        while (a) {
            for (;;) {
                if (a) {
                    if (a > 1) {
                        a++;
                    }
                }
            }
        }
    }
    return a;
}

int fine(int a, int b, int c, int d, int e, void (*f)(int, int))
{
    if (a) {
        while (a) {
            for (;;) {
                if (a) {
                    f(1, (struct x){1, 2}.a);
                }
            }
        }
    }
    return a;
}
