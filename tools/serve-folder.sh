#!/usr/bin/env bash
# serve-folder.sh FOLDER STATE [DIRECTIVE...]: becomes an nginx that serves FOLDER on a free port of the loopback address and keeps all
# that it writes in STATE: access.log has a line for each request: when it ended, how long it took, its status, what was asked for.
# First it says its address. DIRECTIVEs are of nginx's "server", such as 'limit_rate 100k;'.
set -euo pipefail
folder=$(readlink -f "$1")
mkdir -p "$2"
state=$(readlink -f "$2")
shift 2
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
cat >"$state/nginx.conf" <<END
daemon off;
master_process off;
pid "$state/pid";
error_log "$state/error.log";
events {}
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    log_format times '\$msec \$request_time \$status \$request_uri';
    access_log "$state/access.log" times;
    client_body_temp_path "$state/body";
    proxy_temp_path "$state/proxy";
    fastcgi_temp_path "$state/fastcgi";
    uwsgi_temp_path "$state/uwsgi";
    scgi_temp_path "$state/scgi";
    server {
        listen 127.0.0.1:$port;
        root "$folder";
        $*
    }
}
END
echo "http://127.0.0.1:$port"
exec /usr/sbin/nginx -e "$state/error.log" -c "$state/nginx.conf"
