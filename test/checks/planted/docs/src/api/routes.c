const struct route routes[] = {
    {"GET", "/v1/jobs/{id}", get_job},
    {"POST", "/v1/secret", post_secret},
};
