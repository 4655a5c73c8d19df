#!/bin/sh
# Installs the system packages that a full run in CI needs and this machine lacks: on Debian and Ubuntu, as root.
# Elsewhere it only says what is missing. With everything there it changes nothing. Services that packages bring
# are kept from starting by themselves.
set -eu

POLICY=/usr/sbin/policy-rc.d

has() { command -v "$1" >/dev/null 2>&1; }

java_major() { # 17 of `openjdk version "17.0.1"`, 8 of "1.8.0"; 0 without java
  has java || { echo 0; return; }
  java -version 2>&1 | sed -n 's/.*version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' | head -n 1 | grep . || echo 0
}

has_libatomic() { # Node 26 is linked with it
  for file in /lib/*/libatomic.so.1 /usr/lib/*/libatomic.so.1 /usr/lib/libatomic.so.1 /usr/lib64/libatomic.so.1; do
    [ -e "$file" ] && return 0
  done
  return 1
}

has_postgres() { # Debian keeps its server off PATH
  has postgres && return 0
  for file in /usr/lib/postgresql/*/bin/postgres; do
    [ -x "$file" ] && return 0
  done
  return 1
}

# One line for each package: its names, the first one that the distribution has is taken.
missing_packages() {
  has curl || echo 'curl'
  has_libatomic || echo 'libatomic1'
  has python3 || echo 'python3'
  python3 -m pip --version >/dev/null 2>&1 || echo 'python3-pip'
  [ "$(java_major)" -ge 17 ] || echo 'openjdk-17-jdk-headless default-jdk-headless'
  has mvn || echo 'maven'
  has_postgres || echo 'postgresql'
  has etcd || echo 'etcd-server'
  has chromium || has chromium-browser || has google-chrome || echo 'chromium chromium-browser'
  has nginx || [ -x /usr/sbin/nginx ] || echo 'nginx-light nginx'
  has wrk || echo 'wrk'
  has ip || echo 'iproute2'
  has nft || [ -x /usr/sbin/nft ] || echo 'nftables'
  has faketime || [ -n "$(find /usr/lib -name libfaketime.so.1 2>/dev/null | head -n 1)" ] || echo 'libfaketime'
  has haproxy || [ -x /usr/sbin/haproxy ] || echo 'haproxy'
}

first_available() {
  for name in "$@"; do
    if apt-cache show "$name" >/dev/null 2>&1; then echo "$name"; return; fi
  done
  echo "$1" # apt-get says that it is not there
}

forbid_services() {
  [ ! -e "$POLICY" ] || mv "$POLICY" "$POLICY.before-sluice"
  trap allow_services EXIT
  printf '#!/bin/sh\nexit 101\n' >"$POLICY"
  chmod 755 "$POLICY"
}

allow_services() {
  rm -f "$POLICY"
  [ ! -e "$POLICY.before-sluice" ] || mv "$POLICY.before-sluice" "$POLICY"
}

missing=$(missing_packages)
if [ -z "$missing" ]; then
  echo 'system packages: everything is there'
  exit 0
fi
if ! has apt-get || [ "$(id -u)" -ne 0 ]; then
  echo "system packages: not installed, for this is not root on Debian or Ubuntu; missing: $(echo "$missing" | tr '\n' ' ')"
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
echo "system packages: missing: $(echo "$missing" | tr '\n' ' ')"
apt-get update -qq
packages=$(echo "$missing" | while read -r names; do first_available $names; done)
forbid_services
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $packages >/dev/null
echo "system packages: installed $(echo "$packages" | tr '\n' ' ')"
