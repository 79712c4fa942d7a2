#!/bin/sh
# Puts Tiercel's dashboards into a Wazuh dashboard, or takes them out: see --help.
set -eu

help() {
  cat <<'TEXT'
Puts Tiercel's dashboards and their panels (tiercel.ndjson) into a Wazuh dashboard 4.14, over its saved objects API. What is
there of an earlier version is overwritten; nothing else is touched. Runs wherever the dashboard can be reached.

usage: import.sh [--url URL] [--credentials FILE] [--ca FILE | --insecure] [--tenant NAME] [--remove]

  --url URL            the dashboard, without a path behind it but its own base path (default: https://127.0.0.1)
  --credentials FILE   a file of one line, NAME:PASSWORD, that only its owner can read (chmod 600)
  --ca FILE            the authority that signed the dashboard's certificate
                       (a stock install: root-ca.pem of the wazuh-install-files)
  --insecure           take any certificate: whoever sits between can read the password
  --tenant NAME        the tenant, where the dashboard has tenants: global, private, or its name
  --remove             take the dashboards and panels out again; the index pattern and alerts stay

Without --credentials, the variables TIERCEL_DASHBOARD_USER and TIERCEL_DASHBOARD_PASSWORD; without these it asks. The name
needs write access to the dashboard's saved objects (admin has it). A password is never written on a command line.

examples:
  import.sh --ca root-ca.pem
  TIERCEL_DASHBOARD_USER=admin TIERCEL_DASHBOARD_PASSWORD=... import.sh --url https://dashboard.example:443
  import.sh --credentials /root/dashboard.login --remove
TEXT
}

fail() {
  echo "import.sh: $*" >&2
  exit 1
}

folder=$(cd "$(dirname "$0")" && pwd)
objects=$folder/tiercel.ndjson
url=https://127.0.0.1 credentials='' ca='' insecure='' tenant='' remove=''
pattern='wazuh-alerts-*'

while [ $# -gt 0 ]; do
  case $1 in
    --url | --credentials | --ca | --tenant)
      [ -n "${2:-}" ] || fail "$1 needs a value: see --help"
      case $1 in
        --url) url=${2%/} ;;
        --credentials) credentials=$2 ;;
        --ca) ca=$2 ;;
        --tenant) tenant=$2 ;;
      esac
      shift
      ;;
    --insecure) insecure=yes ;;
    --remove) remove=yes ;;
    -h | --help) help && exit 0 ;;
    *) fail "$1 is no option: see --help" ;;
  esac
  shift
done

case $url in
  https://*@* | http://*@*) fail "the URL holds a name or password: give them with --credentials FILE" ;;
  https://* | http://*) ;;
  *) fail "--url $url: it begins with https:// or http://" ;;
esac
command -v curl >/dev/null || fail "curl is not here: apt install curl, or dnf install curl"
[ -r "$objects" ] || fail "$objects cannot be read: it lies beside this script"
[ -z "$ca" ] || [ -r "$ca" ] || fail "--ca $ca cannot be read"
[ -z "$ca" ] || [ -z "$insecure" ] || fail "--ca and --insecure exclude each other"

read_credentials() {
  if [ -n "$credentials" ]; then
    [ -r "$credentials" ] || fail "--credentials $credentials cannot be read"
    case $(ls -lLd "$credentials") in
      ????------*) ;;
      *) fail "$credentials can be read by others: chmod 600 $credentials" ;;
    esac
    login=$(head -n 1 "$credentials")
    case $login in ?*:?*) ;; *) fail "$credentials: its first line is no NAME:PASSWORD" ;; esac
  elif [ -n "${TIERCEL_DASHBOARD_USER:-}" ]; then
    login=$TIERCEL_DASHBOARD_USER:${TIERCEL_DASHBOARD_PASSWORD:?import.sh: TIERCEL_DASHBOARD_USER is set, and this is not}
  elif [ -t 0 ]; then
    printf 'Name at %s: ' "$url" >&2
    read -r name
    printf 'Password: ' >&2
    trap 'stty echo' EXIT INT TERM
    stty -echo
    read -r password
    stty echo
    trap - EXIT INT TERM
    echo >&2
    login=$name:$password
  else
    fail "no credentials: --credentials FILE, or TIERCEL_DASHBOARD_USER and TIERCEL_DASHBOARD_PASSWORD"
  fi
}

read_credentials
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# What must not be seen in a list of processes goes to curl's standard input, in the form of its configuration file.
secret() {
  printf 'user = "%s"\n' "$(printf '%s' "$login" | sed 's/[\\"]/\\&/g')"
}

explain() {
  case $1 in
    5 | 6) fail "$url: the name is not known to this host" ;;
    7) fail "$url: nobody listens there, or a firewall is between: is the wazuh-dashboard service running?" ;;
    28) fail "$url did not answer within 60 s" ;;
    35) fail "$url speaks no TLS that curl takes here: https:// or http://?" ;;
    51 | 60) fail "$url: its certificate is not trusted here: give its authority with --ca FILE (or take any: --insecure)" ;;
    52 | 56) fail "$url closed the connection: https:// or http://?" ;;
    77) fail "--ca $ca is no certificate in PEM form" ;;
    *) fail "$url: curl ended with status $1: man curl tells" ;;
  esac
}

# call METHOD PATH [more of curl's options]: the answer in $answer, its HTTP status in $status
call() {
  method=$1 path=$2
  shift 2
  [ -z "$tenant" ] || set -- "$@" --header "securitytenant: $tenant"
  [ -z "$ca" ] || set -- "$@" --cacert "$ca"
  [ -z "$insecure" ] || set -- "$@" --insecure
  status=$(secret | curl --config - --silent --max-time 60 --globoff --request "$method" --header 'osd-xsrf: true' \
    --output "$answer" --write-out '%{http_code}' "$@" "$url$path") || explain $?
  case $status in
    401) fail "$url does not take this name and password" ;;
    403) fail "$url: this name may not change saved objects (403): take admin, or give it that right. It says: $(said)" ;;
    502 | 503) fail "$url is not ready (HTTP $status): wait until the dashboard's page shows, then try again" ;;
  esac
}

said() {
  head -c 500 "$answer" | tr '\n' ' '
}

import() {
  call GET "/api/saved_objects/index-pattern/$(printf '%s' "$pattern" | sed 's/\*/%2A/')"
  case $status in
    200) ;;
    404)
      grep -q '"error"' "$answer" || fail "$url has no saved objects API: is that a Wazuh dashboard, and its base path in the URL?"
      fail "$url has no index pattern $pattern in this tenant: open the Wazuh dashboard's page once, which makes it; then try again"
      ;;
    *) fail "$url answers HTTP $status: $(said)" ;;
  esac
  call POST '/api/saved_objects/_import?overwrite=true' --form "file=@$objects;type=application/ndjson"
  [ "$status" = 200 ] || fail "$url did not take the dashboards: HTTP $status: $(said)"
  grep -q '"success":true' "$answer" || fail "$url took not all of the dashboards: $(said)"
  count=$(sed 's/.*"successCount":\([0-9]*\).*/\1/' "$answer")
  echo "$count objects are there. Look at: $url/app/dashboards#/view/tiercel-detections and .../view/tiercel-agents"
}

# "TYPE ID" of each object, the dashboards first, so that none of them ever lacks a panel.
listed() {
  sed -n 's/.*"id": "\([^"]*\)", "migrationVersion".*"type": "\([a-z-]*\)"}$/\2 \1/p' "$objects" | sort
}

take_out() {
  gone=0 absent=0
  for object in $(listed | tr ' ' '/'); do
    call DELETE "/api/saved_objects/$object"
    case $status in
      200) gone=$((gone + 1)) ;;
      404) absent=$((absent + 1)) ;;
      *) fail "$object was not removed: HTTP $status: $(said)" ;;
    esac
  done
  echo "$gone objects removed, $absent were not there"
}

if [ -n "$remove" ]; then take_out; else import; fi
