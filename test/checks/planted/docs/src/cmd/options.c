const struct option options[] = {
    {"lease-default", OPT_DURATION, 1},
    {"lease", OPT_DURATION, 1},
    {"hidden-one", OPT_DURATION, 1},
};
