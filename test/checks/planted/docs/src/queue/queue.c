void f(void)
{
    log_info("job.known", L_INT("n", 1));
    log_warn("job.unknown", L_INT("n", 1));
    if (FAULT("store.unknown.commit")) {
        put("stint_jobs_unknown_total ");
    }
}
